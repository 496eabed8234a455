"""The shared data between real nodes: spread, splits, joins and leaves, whatever is killed meanwhile."""

import random
import signal
import subprocess
import time

import pytest

from cluster import Unequal, wait_for
from kv import Writer, digest, export, get, load, pairs, put, same_everywhere
from net import formed

ENTRIES = 20_000  # and 200 000 with --long
OFTEN_KILLED = {"supervisor__restart_max": "200ms"}  # else the supervisor waits longer each time


def backups(node):
    return sorted(p.name for p in (node.data_dir / "backup").glob("*"))


def numbered(n, size=200, prefix="entry"):
    return [(f"{prefix}/{i:06}", f"{i} ".ljust(size, "x")) for i in range(n)]


def test_writes_of_each_node_are_on_all(cluster):
    nodes = cluster.static(3)
    for i, node in enumerate(nodes):
        for k in range(20):
            put(node, f"key/{i}/{k}", f"value {k}")
    assert len(pairs(same_everywhere(nodes))) == 60

    nodes[1].ctl("kv", "delete", "key/0/3")
    wait_for(lambda: "key/0/3" not in pairs(same_everywhere(nodes)), 10, "the deletion is on all")


def test_data_is_there_after_a_restart_of_all(cluster):
    nodes = cluster.static(3)
    load(nodes[0], numbered(500))
    before = same_everywhere(nodes)
    for node in nodes:
        node.kill()
    for node in nodes:
        node.start()
    cluster.agree(nodes)
    assert same_everywhere(nodes) == before


# --- splits

def test_both_sides_of_a_split_write(net):
    nodes = formed(net.static(5))
    sides = nodes[:3], nodes[3:]
    put(nodes[0], "before", "the split")
    net.split(*sides)
    for side in sides:
        net.agree(side, stopped=[n for other in sides if other is not side for n in other])
    for s, side in enumerate(sides):
        load(side[0], [(f"side/{s}/{i:04}", f"{s} wrote {i}") for i in range(1000)])
        load(side[-1], [(f"same/{i:03}", f"{s} wrote {i}") for i in range(100)])

    net.heal()
    net.agree(nodes)
    merged = pairs(same_everywhere(nodes))
    for s in range(2):
        assert all(merged[f"side/{s}/{i:04}"] == f"{s} wrote {i}" for i in range(1000))
    for i in range(100):
        item = get(nodes[i % 5], f"same/{i:03}")
        assert item["conflict"], item
        assert {v["value"] for v in item["values"]} == {f"0 wrote {i}", f"1 wrote {i}"}, item

    answer = nodes[1].ctl("kv", "resolve", "same/007", "--pick", "2")
    assert answer.code == 0, answer
    wait_for(lambda: not any(get(n, "same/007")["conflict"] for n in nodes), 10, "the conflict is resolved on all")


# --- joins

def three_and_a_stranger(cluster, entries):
    nodes = cluster.static(3, **OFTEN_KILLED)
    load(nodes[0], numbered(entries))
    same_everywhere(nodes)
    joiner = cluster.node(4, **OFTEN_KILLED).start()
    load(joiner, numbered(10, prefix="own"))
    return nodes, joiner


def test_a_joiner_gets_everything_and_keeps_a_backup(cluster):
    nodes, joiner = three_and_a_stranger(cluster, 2000)
    own = export(joiner)
    answer = joiner.ctl("cluster", "join", nodes[1].name)
    assert answer.code == 0, answer
    assert export(joiner) == export(nodes[0])
    (name,) = backups(joiner)
    assert name.endswith("-join.kv")
    assert (joiner.data_dir / "backup" / name).read_text() == own

    put(joiner, "after", "the join")
    wait_for(lambda: all(get(n, "after") for n in nodes), 10, "what the new member writes is on all")


def join_and_kill(nodes, joiner, victim, after_s):
    """Starts a join and kills a membership in the midst of it; says whether the joiner is a member then."""
    with joiner.ctl_open("cluster", "join", nodes[1].name) as join:
        time.sleep(after_s)  # the moment is what is tried: any is right
        victim.membership.kill()
        join.wait(60)
    for node in (victim, joiner):
        node.wait_ready()
    running, stopped = joiner.view()
    return len(running) + len(stopped) > 1


def wholly_before_or_after(nodes, joiner, member, own, theirs):
    """The joiner has what it had, or what they have, and nothing in between."""
    if not member:
        assert digest(joiner) == own, "half a state"
        return
    nodes[0].cluster.agree([*nodes, joiner], timeout=60)
    wait_for(lambda: digest(joiner) == theirs, 60, "the new member has everything")


def leave(joiner):
    """Once the join that was broken off is over for it and for the others."""
    def done():
        answer = joiner.ctl("cluster", "leave")
        assert answer.code == 0 or "busy" in answer.out, answer
        return answer.code == 0 or Unequal(answer)

    wait_for(done, 30, "it leaves")


def kill_at_random(cluster, entries, kills, seed):
    nodes, joiner = three_and_a_stranger(cluster, entries)
    rng, theirs, own = random.Random(seed), digest(nodes[0]), digest(joiner)
    begun = time.monotonic()
    answer = joiner.ctl("cluster", "join", nodes[1].name, timeout=300)
    assert answer.code == 0, answer
    took_s = time.monotonic() - begun
    for i in range(kills):
        leave(joiner)
        load(joiner, numbered(10, prefix="own"))
        assert digest(joiner) == own
        member = join_and_kill(nodes, joiner, [joiner, nodes[1]][i % 2], rng.uniform(0, took_s * 1.1))
        cluster.agree(nodes + [joiner] * member, timeout=60)
        wholly_before_or_after(nodes, joiner, member, own, theirs)
        assert all(digest(n) == theirs for n in nodes), "an entry was lost"
        if not member:
            answer = joiner.ctl("cluster", "join", nodes[1].name, timeout=300)
            assert answer.code == 0, answer
        assert digest(joiner) == theirs


def test_joiner_or_target_is_killed_at_any_moment(cluster):
    kill_at_random(cluster, 2 * ENTRIES, kills=4, seed=1)


@pytest.mark.long
def test_joiner_or_target_is_killed_at_any_moment_of_a_large_join(cluster):
    kill_at_random(cluster, 10 * ENTRIES, kills=20, seed=2)


# --- leaves

def test_what_only_the_leaving_node_has_is_handed_over(net):
    nodes = formed(net.static(3))
    net.split([nodes[0]], nodes[1:])
    net.agree([nodes[0]], stopped=nodes[1:])
    load_local(nodes[0], 300)
    net.heal()
    net.agree(nodes)
    answer = nodes[0].ctl("cluster", "leave")
    assert answer.code == 0, answer
    assert len(pairs(export(nodes[0]))) == 0
    assert len(pairs(export(nodes[1]))) + len(pairs(export(nodes[2]))) >= 300
    assert len(pairs(same_everywhere(nodes[1:]))) == 300


def load_local(node, n):
    for i in range(n):
        put(node, f"local/{i}", str(i), "--ack", "local")


def test_a_leave_that_loses_data_is_refused_unless_forced(net):
    nodes = formed(net.static(2))
    net.split([nodes[0]], [nodes[1]])
    net.agree([nodes[0]], stopped=[nodes[1]])
    load_local(nodes[0], 20)
    answer = nodes[0].ctl("cluster", "leave")
    assert answer.code == 1 and "node_not_in_cluster" in answer.out
    assert len(pairs(export(nodes[0]))) == 20
    answer = nodes[0].ctl("cluster", "leave", "--force")
    assert answer.code == 0, answer
    assert len(pairs(export(nodes[0]))) == 0
    (name,) = backups(nodes[0])
    assert name.endswith("-leave.kv") and name in answer.err
    assert len(pairs((nodes[0].data_dir / "backup" / name).read_text())) == 20


def test_a_removed_node_hands_over_what_it_wrote_alone(net):
    nodes = formed(net.static(3))
    net.split([nodes[0]], nodes[1:])
    net.agree([nodes[0]], stopped=nodes[1:])
    net.agree(nodes[1:], stopped=[nodes[0]])
    load_local(nodes[0], 50)
    answer = nodes[1].ctl("cluster", "force-leave", nodes[0].name)
    assert answer.code == 0, answer
    net.heal()
    wait_for(lambda: nodes[0].status()["standing_apart"], 30, "it stands apart")
    wait_for(lambda: len(pairs(export(nodes[0]))) == 0, 30, "it has cleared its data")
    assert len(pairs(same_everywhere(nodes[1:]))) == 50
    (name,) = backups(nodes[0])
    assert name.endswith("-removed.kv")


# --- crashes

def kills_under_writers(cluster, seconds, kills, seed):
    nodes = cluster.static(3, **OFTEN_KILLED)
    rng = random.Random(seed)
    writers = [Writer(i, nodes) for i in range(4)]
    for w in writers:
        w.start()
    for _ in range(kills):
        time.sleep(rng.uniform(0.5, 1.5) * seconds / kills)  # what is tried is any moment
        victim = rng.choice(nodes)
        before = victim.membership.pid
        victim.membership.kill()
        wait_for(lambda: (m := victim.membership) and m.pid != before and victim.view() is not None, 30,
                 "it runs again")
    for w in writers:
        w.stop.set()
    for w in writers:
        w.join(30)
    cluster.agree(nodes, timeout=60)
    have = pairs(same_everywhere(nodes))
    acked = {key: value for w in writers for key, value in w.acked.items()}
    lost = [key for key, value in acked.items() if have.get(key) != value]
    assert not lost, f"{len(lost)} of {len(acked)} acknowledged writes are lost: {lost[:5]}"
    assert len(acked) > 20 * seconds, f"only {len(acked)} writes"


def test_no_acknowledged_write_is_lost_by_kills(cluster):
    kills_under_writers(cluster, 10, kills=6, seed=3)


@pytest.mark.long
def test_no_acknowledged_write_is_lost_by_thirty_kills(cluster):
    kills_under_writers(cluster, 60, kills=30, seed=4)


def test_a_hung_node_gets_what_it_missed(cluster):
    nodes = cluster.static(3)
    nodes[2].membership.kill(signal.SIGSTOP)
    try:
        load(nodes[0], numbered(300))
    finally:
        nodes[2].membership.kill(signal.SIGCONT)
    cluster.agree(nodes)
    assert len(pairs(same_everywhere(nodes))) == 300


# --- disks

def test_a_full_disk_is_one_nodes_trouble(cluster):
    nodes = [cluster.node(i, cluster__discovery_strategy="static",
                          cluster__static__seeds="[" + ", ".join(cluster.name(k) for k in range(1, 4)) + "]")
             for i in range(1, 4)]
    small_disk(nodes[2], "2m")
    for node in nodes:
        node.start()
    cluster.agree(nodes)
    load(nodes[0], numbered(400, size=20_000))
    same_everywhere(nodes[:2])

    answers = (nodes[2].ctl("kv", "put", f"own/{i}", "x" * 60_000) for i in range(100))
    refused = next(a for a in answers if a.code != 0)  # what is small may still find room
    assert refused.code == 1 and "No space left on device" in refused.err, refused
    cluster.agree(nodes)
    # what is small may find room in between
    wait_for(lambda: "No space left on device" in nodes[2].ctl("kv", "status").out, 10, "the status tells it")
    put(nodes[1], "others", "go on")

    small_disk(nodes[2], "64m", "remount,")
    same_everywhere(nodes)
    put(nodes[2], "own", "now")
    assert pairs(same_everywhere(nodes))["own"] == "now"


def small_disk(node, size, how=""):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{how}size={size},mode=0777", "small-disk", node.data_dir], check=True)
