"""N nodes in network namespaces of their own: how long until all agree after each kind of fault, what they say
meanwhile, and what they take when nothing happens.

Times are taken from the nodes' own events, to the millisecond: a hundred nodes that are asked without pause for breath
would be measured while they answer.
"""

import collections
import os
import pathlib
import random
import signal
import statistics
import tempfile
import time

from cluster import wait_for
from control import Control
from measure_three import Bench
from net import Network, Watch, formed, paused
from table import head, number, row

IDLE_S = 20
REST_S = 12  # links that nobody needs are closed after 10 s at the earliest
SIZES = 3, 10, 30, 100
LAN_DETECT_S = 3
BUDGETS = {  # by SIZES
    "start": (0.04, 0.25, 0.8, 3),
    "kill": (0.01, 0.02, 0.06, 0.06),
    "cpu": (0.03, 0.1, 0.1, 0.1),
}
BUDGET_HANG_S = BUDGET_SPLIT_S = LAN_DETECT_S
BUDGET_HEAL_S = 6
BUDGET_PSS_MIB, BUDGET_RECEIVED_KB = 4, 5.5
COUNTERS = "frames_in frames_out bytes_in bytes_out".split()
Traffic = collections.namedtuple("Traffic", ["t", "received", "packets", *COUNTERS])


def budget(name, n):
    return next((b for size, b in zip(SIZES, BUDGETS[name]) if n <= size), BUDGETS[name][-1])


def interface(node):
    """(bytes, packets) that came in, as the kernel counts them."""
    for line in (node.process.proc / "net/dev").read_text().splitlines():
        name, _, fields = line.strip().partition(":")
        if name == "eth0":
            return tuple(map(int, fields.split()[:2]))
    raise AssertionError("no eth0")


def traffic(nodes):
    """Of each node up to now."""
    found = {}
    for node in nodes:
        status = node.ask(Control.status)
        found[node] = Traffic(time.monotonic(), *interface(node), *(status[key] for key in COUNTERS))
    return found


def cpu_s(process):
    """CPU time of all threads, to the nanosecond: a tick of the clock is more than an idle minute takes."""
    return sum(int(task.read_text().split()[0]) for task in process.proc.glob("task/*/schedstat")) / 1e9


def tree(node):
    return [node.process, *node.process.children]


def rest(nodes):
    """Waits until all that is flooded has stayed the same for a while: the links that nobody needs are gone, too."""
    seen, since = None, 0

    def rests():
        nonlocal seen, since
        digests = [node.ask(Control.status)["digest"] for node in nodes]
        if digests != seen or len(set(digests)) > 1:
            seen, since = digests, time.monotonic()
        return time.monotonic() - since > REST_S

    wait_for(rests, 300, "nothing is flooded any more")
    formed(nodes)


def latest(watch, tellers, kind, of):
    """When the last of the tellers told the last of these."""
    last = 0
    for teller in tellers:
        names = {n.name for n in of if n is not teller}

        def told(teller=teller, names=names):
            events = [e for e in watch.events(teller, kind) if e.node in names]
            return names == {e.node for e in events} and events

        last = max(last, max(e.time_ms for e in wait_for(told, 10, f"{teller.name} tells {kind} of {names}")))
    return last / 1000


class Rounds:
    """One cluster and what is done to it; each time with what a node sent meanwhile."""

    def __init__(self, net, nodes, rng):
        self.net, self.nodes, self.rng = net, nodes, rng
        self.seconds, self.sent = collections.defaultdict(list), collections.defaultdict(list)

    def note(self, what, begun, watch, tellers, kind, of, before):
        self.seconds[what].append(latest(watch, tellers, kind, of) - begun)
        after = traffic(tellers)
        self.sent[what].append([statistics.mean(getattr(after[n], key) - getattr(before[n], key) for n in tellers)
                                for key in ("frames_out", "bytes_out")])

    def others(self, node):
        return [n for n in self.nodes if n is not node]

    def kill(self, victim):
        others = self.others(victim)
        watch, before, begun = Watch(others), traffic(others), time.time()
        victim.kill()
        self.net.agree(others, stopped=[victim])
        self.note("kill", begun, watch, others, "node_stopped", [victim], before)
        victim.start()
        self.net.agree(self.nodes)

    def hang(self, victim):
        others = self.others(victim)
        watch, before = Watch(others), traffic(others)
        with paused(tree(victim)) as begun:
            self.net.agree(others, stopped=[victim])
            self.note("hang", begun, watch, others, "node_stopped", [victim], before)
            watch, before, begun = Watch(others), traffic(others), time.time()
        self.net.agree(self.nodes)
        self.note("resume", begun, watch, others, "node_running", [victim], before)

    def split(self):
        shuffled = self.rng.sample(self.nodes, len(self.nodes))
        sides = shuffled[:(len(shuffled) + 1) // 2], shuffled[(len(shuffled) + 1) // 2:]
        watch, before = Watch(self.nodes), traffic(self.nodes)
        begun = self.net.split(*sides)
        for side, other in sides, sides[::-1]:
            self.net.agree(side, stopped=other)
            self.note("split", begun, watch, side, "node_stopped", other, before)
        watch, before = Watch(self.nodes), traffic(self.nodes)
        begun = self.net.heal()
        self.net.agree(self.nodes)
        for side, other in sides, sides[::-1]:
            self.note("heal", begun, watch, side, "node_running", other, before)

    def run(self, n):
        victims = self.rng.sample(self.nodes, min(len(self.nodes), 2 * n))
        for i in range(n):
            self.kill(victims[2 * i])
            rest(self.nodes)
            self.hang(victims[2 * i + 1])
            rest(self.nodes)
            self.split()
            if i + 1 < n:
                rest(self.nodes)


def idle(nodes, figures):
    """Adds what each node takes while nothing happens."""
    trees = [tree(n) for n in nodes]
    before, cpu = traffic(nodes), [sum(map(cpu_s, t)) for t in trees]
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun > IDLE_S, IDLE_S + 5, "idle time")
    minutes = (time.monotonic() - begun) / 60
    figures["cpu"] += [(sum(map(cpu_s, t)) - was) / minutes for t, was in zip(trees, cpu)]
    after = traffic(nodes)
    for node in nodes:
        a, b = before[node], after[node]
        for key in Traffic._fields[1:]:
            figures[key] += [(getattr(b, key) - getattr(a, key)) / (b.t - a.t)]
    figures["pss"] += [sum(p.pss_kib for p in t) / 1024 for t in trees]


def start(net, n):
    seeds = "[" + ", ".join(net.name(i) for i in range(1, min(n, 5) + 1)) + "]"
    nodes = [net.node(i, cluster__discovery_strategy="static", cluster__static__seeds=seeds, log__level="info")
             for i in range(1, n + 1)]
    begun = time.time()
    for node in nodes:
        node.spawn()
    net.agree(nodes, timeout=120)
    return nodes, time.time() - begun


def measure(build, n):
    head(f"{n} nodes, a network namespace each")
    figures, seconds, sent = (collections.defaultdict(list) for _ in range(3))
    clusters, rounds = (3, 1) if n < 10 else (1, 3) if n < 100 else (1, 1)
    for i in range(clusters):
        directory = tempfile.mkdtemp(dir=os.environ["CLUSTERD_TEST_DIR"])
        net = Network(pathlib.Path(directory), build, Bench(build).cookie)
        try:
            nodes, started = start(net, n)
            seconds["start"].append(started)
            rest(nodes)
            idle(nodes, figures)
            done = Rounds(net, nodes, random.Random(i))
            done.run(rounds)
        finally:
            net.close()
        for what in done.seconds:
            seconds[what] += done.seconds[what]
            sent[what] += done.sent[what]
    show(n, seconds, sent, figures)


TITLES = [
    ("start", "start, until all agree", None),
    ("kill", "kill -9, until all others agree", None),
    ("hang", "SIGSTOP, until all others agree", BUDGET_HANG_S),
    ("resume", "SIGCONT, until all agree", BUDGET_HEAL_S),
    ("split", "split in halves, until each side agrees", BUDGET_SPLIT_S),
    ("heal", "the network is whole again, until all agree", BUDGET_HEAL_S),
]


def show(n, seconds, sent, figures):
    for what, title, limit in TITLES:
        row(title, "s", seconds[what], limit if limit is not None else budget(what, n))
        if what in sent:
            frames, size = (statistics.mean(s[i] for s in sent[what]) for i in (0, 1))
            print(f"    meanwhile a node sends {number(frames, 'frames')} of {number(size / 1000, 'KB')}", flush=True)
    row("idle node: PSS of all its processes", "MiB", figures["pss"], BUDGET_PSS_MIB)
    row("idle node: CPU a minute", "s", figures["cpu"], budget("cpu", n))
    row("idle node: received on the wire", "KB/s", [v / 1000 for v in figures["received"]], BUDGET_RECEIVED_KB)
    row("idle node: packets received", "/s", figures["packets"])
    row("idle node: frames sent", "/s", figures["frames_out"])
    row("idle node: their bytes, before TLS", "KB/s", [v / 1000 for v in figures["bytes_out"]])
