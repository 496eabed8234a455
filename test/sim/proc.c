#include "test/sim/proc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "membership/core/offline.h"
#include "test/sim/check.h"
#include "test/sim/ledger.h"
#include "test/sim/proc_data.h"

static const uint64_t wall_start_ms = UINT64_C(1700000000000);

static void set_conf(struct proc *p)
{
	const struct sim_setup *setup = &p->sim->setup;

	p->conf = (struct core_conf){
		.node_name = p->name,
		.cluster_name = "emqxcl",
		.host = p->addr,
		.dist_port = p->port,
		.rpc_port = node_rpc_port(p->name),
		.role = p->id + setup->replicas >= setup->n && p->id < setup->n ? WIRE_REPLICA
										: WIRE_CORE,
		.mode = setup->manual ? CORE_MANUAL : CORE_AUTO,
		.autoheal = setup->autoheal,
		.autoclean_ms = setup->autoclean_ms,
		.heartbeat_ms = setup->heartbeat_ms,
		.timeout_ms = setup->timeout_ms,
		.members_max = setup->members_max,
		.version = "0.1.0",
	};
}

void proc_init(struct proc *p, struct sim *s, unsigned id)
{
	*p = (struct proc){.sim = s, .id = id, .host = id, .leads_to = id};
	snprintf(p->label, sizeof p->label, "n%u", id + 1);
	snprintf(p->addr, sizeof p->addr, "10.0.%u.%u", id / 250, id % 250 + 1);
	snprintf(p->name, sizeof p->name, "n%u@%s", id + 1, p->addr);
	p->port = node_dist_port(p->name);
	set_conf(p);
	/* each machine has been up for another time */
	p->mono_base_us =
		(int64_t)rng_range(&s->rng, 10 * 1000000, UINT64_C(2000000) * 1000000);
	if (s->setup.drift_ppm > 0)
		p->drift_ppm =
			(int32_t)rng_below(&s->rng, 2 * (uint64_t)s->setup.drift_ppm + 1) -
			s->setup.drift_ppm;
	p->candidates = s->true_candidates;
	p->newer = id < SIM_PROCS_MAX && (s->setup.newer >> id & 1) != 0;
	proc_data_init(p);
}

void proc_free(struct proc *p)
{
	core_free(p->core);
	proc_data_free(p);
	disk_free(&p->disk);
	handles_free(&p->handles);
	free(p->seen);
}

uint64_t proc_mono_us(const struct proc *p)
{
	int64_t now = (int64_t)p->sim->now_us;

	return (uint64_t)(p->mono_base_us + now + now / 1000000 * p->drift_ppm +
			  now % 1000000 * p->drift_ppm / 1000000);
}

uint64_t proc_own_seq(const struct proc *p)
{
	struct core_member m = {.seq = 0};
	size_t n = core_n_members(p->core);

	for (size_t i = 0; i < n && !m.self; i++)
		core_member_at(p->core, i, &m);
	return m.seq;
}

uint64_t proc_wall_ms(const struct proc *p)
{
	return wall_start_ms + p->sim->now_us / 1000 + (uint64_t)p->wall_off_ms;
}

struct proc *proc_on_host(struct sim *s, unsigned host)
{
	return host < s->n_procs ? &s->proc[host] : NULL;
}

struct proc *proc_by_name(struct sim *s, const char *name)
{
	unsigned long id = name[0] == 'n' ? strtoul(name + 1, NULL, 10) : 0;

	return id >= 1 && id <= s->n_procs ? &s->proc[id - 1] : NULL;
}

struct renaming {
	struct buf key, value;
};

static void note_write(void *ctx, const struct core_write *w)
{
	struct renaming *r = ctx;

	buf_put(&r->key, w->key, w->key_n);
	buf_put(&r->value, w->value, w->value_n);
}

void proc_rename(struct proc *p)
{
	struct renaming r = {.key = {0}};
	char err[256] = "";
	size_t n;
	struct core_kv *kv = disk_load(&p->disk, DISK_STATE, &n);

	if (n > 0 && core_offline(CORE_OFFLINE_RENAME, &p->conf, &(struct core_stored){kv, n},
			     &(struct core_sink){note_write, &r}, err, sizeof err) != 0)
		sim_fail(p->sim, "g", "%s: can't be renamed: %s", p->label, err);
	free(kv);
	if (r.key.n > 0) {
		disk_write(&p->disk, DISK_CORE, 0,
			&(struct core_write){r.key.p, r.value.p, r.key.n, r.value.n}, 1);
		disk_commit(&p->disk, false);
	}
	buf_free(&r.key);
	buf_free(&r.value);
}

static void age_disk(struct proc *p, enum proc_disk disk)
{
	size_t n = p->disk.n_batches;

	switch (disk) {
	case PROC_DISK_KEPT:
	case PROC_DISK_TAKEN:
		break;
	case PROC_DISK_BACK_1:
		disk_roll_back(&p->disk, 1);
		break;
	case PROC_DISK_OLD:
		if (n > 2)
			disk_roll_back(&p->disk, rng_range(&p->sim->rng, 2, n - 1));
		break;
	case PROC_DISK_LOST:
		disk_wipe(&p->disk);
		break;
	}
}

void proc_start(struct proc *p, enum proc_disk disk)
{
	static const char *const found[] = {"", ", last commit lost",
		", with an old copy of its disk", ", with an older disk",
		", with an empty disk"};
	struct sim *s = p->sim;
	struct core_kv *kv;
	char err[256] = "";
	size_t n;

	assert(p->core == NULL);
	net_host_on(&s->net, p->host);
	age_disk(p, disk);
	if (disk != PROC_DISK_KEPT) {
		check_excuse(p, EXCUSE_REBORN);
		proc_rename(p); /* the old copy may be of before it got its name */
	}
	sim_say(s, p, "starts%s", found[disk]);
	kv = disk_load(&p->disk, DISK_STATE, &n);
	p->life++;
	p->exiting = false;
	p->on_disk = p->may_clear = false;
	p->started_us = p->upset_us = s->now_us;
	p->core = core_new(&p->conf, &(struct core_stored){kv, n},
		&(struct core_birth){rng_u64(&s->rng), proc_mono_us(p), proc_wall_ms(p)}, err,
		sizeof err);
	free(kv);
	kv = disk_load(&p->disk, DISK_ALL, &n);
	if (p->core == NULL ||
		!proc_data_start(p, &(struct core_stored){kv, n}, err, sizeof err))
		sim_fail(s, "g", "%s: refuses its own state: %s", p->label, err);
	free(kv);
	if (s->failed)
		return;
	check_started(p);
	ledger_started(p, disk == PROC_DISK_KEPT && !p->was_replica && !p->swapped &&
				  p->conf.role != WIRE_REPLICA);
	p->was_replica = p->conf.role == WIRE_REPLICA;
	proc_leave(p);
	if (p->conf.mode == CORE_AUTO)
		proc_report_candidates(p);
	if (p->held)
		net_host_wake(&s->net, p->host, sim_dispatch);
	p->held = false;
}

static void forget_core(struct proc *p)
{
	p->swapped = proc_data_swapped_on_disk(p);
	core_free(p->core);
	p->core = NULL;
	p->life++;
	p->paused = p->exiting = p->reload = false;
	p->stop_request = 0;
	p->writing = 0;
	proc_data_end(p);
	p->armed_us = 0;
	p->armed_gen++;
	handles_clear(&p->handles);
	check_ended(p);
}

/* The core's file is written first, then that of the shared data: so many of them have made it, each wholly. */
static void disk_end(struct proc *p, unsigned files)
{
	for (size_t i = 0; i < p->writing; i++)
		disk_commit(&p->disk, disk_pending(&p->disk)->owner >= files);
	disk_crash(&p->disk, 0);
}

void proc_kill(struct proc *p, enum proc_kill how)
{
	static const char *const words[] = {"is killed", "is killed, its listener held",
		"loses power", "loses power while it writes"};
	struct sim *s = p->sim;

	assert(p->core != NULL);
	sim_say(s, p, "%s", words[how]);
	disk_end(p, how == PROC_KILL_TORN ? 0 : (unsigned)rng_below(&s->rng, 3));
	forget_core(p);
	p->held = how == PROC_KILL_HELD;
	if (how == PROC_KILL_POWER || how == PROC_KILL_TORN) {
		net_host_off(&s->net, p->host, sim_dispatch);
		p->mono_base_us = 5000000 - (int64_t)s->now_us; /* the clock of a boot */
	} else {
		net_host_kill(&s->net, p->host, p->held, sim_dispatch);
	}
}

void proc_exit(struct proc *p)
{
	struct sim *s = p->sim;
	struct net_side *side = s->net.host[p->host].sides, *next;

	sim_say(s, p, "exits");
	for (; side != NULL; side = next) {
		size_t n;

		next = side->next;
		if (!side->app || side->fin_sent || !side->conn->tls_done || side->conn->bulk)
			continue;
		while ((n = core_conn_pull(p->core, side->handle, s->scratch, NET_PULL_BYTES)) >
			0)
			net_send(&s->net, side->conn, side->end, s->scratch, n);
	}
	disk_crash(&p->disk, p->disk.n_batches - p->disk.n_committed);
	forget_core(p);
	net_host_kill(&s->net, p->host, false, sim_dispatch);
}

void proc_pause(struct proc *p)
{
	if (!proc_runs(p))
		return;
	sim_say(p->sim, p, "is stopped (SIGSTOP)");
	p->paused = true;
	net_host_sleep(&p->sim->net, p->host);
}

void proc_continue(struct proc *p)
{
	if (!p->paused)
		return;
	sim_say(p->sim, p, "goes on (SIGCONT)");
	p->paused = false;
	p->upset_us = p->sim->now_us;
	net_host_wake(&p->sim->net, p->host, sim_dispatch);
	if (p->core != NULL) {
		proc_enter(p);
		proc_leave(p);
	}
	if (p->core != NULL && p->reload)
		proc_reload(p);
}
