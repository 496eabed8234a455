"""A network that can be broken: one network namespace a node, joined by a bridge whose filter drops what a test says.

Everything is inside the namespaces of test/ns.sh, so it needs no root. A change of the filter is one nft transaction:
a split of thirty nodes happens at one instant. Functions that change it return the wall clock at which it was done, to
be compared with the times in the nodes' events: what is measured is not how fast the test looks.
"""

import contextlib
import itertools
import re
import signal
import subprocess
import time

import machine
from cluster import POLL_S, Cluster, wait_for
from control import Control

LINK_TIMEOUT_S = 2.5
DETECT_S = LINK_TIMEOUT_S + 0.5
RESTART_S = 1  # a process that crashed and is heard of again by then was never away
HEARD_S = 0.2  # so soon all have heard of it
START_S = 3  # and by then it is back in any case
GRAIN_S = 0.002  # nodes count whole milliseconds, on two clocks
HEAL_S = 6
QUIET_HEAL_S = 10  # when each side has only itself
RULES = """
table bridge clusterd {
	set cut {
		type ipv4_addr . ipv4_addr
		flags timeout
	}
	chain loss {
	}
	chain forward {
		type filter hook forward priority 0
		ip saddr . ip daddr @cut counter drop
		jump loss
	}
}
"""


class Namespace:
    """A network namespace, held by a process that ends when this object closes, or with the test."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo && exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"\n"
        self.enter = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]

    def run(self, *command, text):
        subprocess.run([*self.enter, *command], input=text, text=True, check=True)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()


def mac(address):
    return "02:00:" + ":".join(f"{int(byte):02x}" for byte in address.split("."))


class Network(Cluster):
    """Who has which address is known from the start: the kernel has one neighbour table for all namespaces, and 32 nodes
    that look for each other fill it."""

    subnet = "10.77.0"
    neighbours = 150

    def __init__(self, *args):
        super().__init__(*args)
        self.bridge = Namespace()
        self.namespaces = [self.bridge]
        self.bridge.run("ip", "-batch", "-", text="link add br0 type bridge forward_delay 0\nlink set br0 up\n")
        self.bridge.run("nft", "-f", "-", text=RULES)

    def node(self, number_or_name, **conf):
        node = super().node(number_or_name, **conf)
        node.enter = self.plug(node.host).enter
        return node

    def plug(self, address):
        """A new namespace on the bridge, with that address."""
        namespace = Namespace()
        self.namespaces.append(namespace)
        port = f"p{len(self.namespaces)}"
        pids = self.bridge.holder.pid, namespace.holder.pid
        subprocess.run(["ip", "link", "add", port, "netns", str(pids[0]), "type", "veth",
                        "peer", "name", "eth0", "netns", str(pids[1])], check=True)
        self.bridge.run("ip", "-batch", "-", text=f"link set {port} master br0 up\n")
        known = (f"{self.subnet}.{i}" for i in range(1, self.neighbours + 1))
        namespace.run("ip", "-batch", "-", text=(
            f"link set eth0 address {mac(address)}\naddr add {address}/16 dev eth0\nlink set eth0 up\n" +
            "".join(f"neigh add {a} lladdr {mac(a)} dev eth0 nud permanent\n" for a in known if a != address)))
        return namespace

    def close(self):
        complaints = super().close()
        for namespace in self.namespaces:
            namespace.close()
        return complaints

    # --- faults

    def change(self, *rules):
        self.bridge.run("nft", "-f", "-", text="".join(rule + "\n" for rule in rules))
        return time.time()

    def drop(self, pairs, seconds=None):
        """Nothing gets from the first to the second of each pair any more, or for so long by the kernel's clock."""
        end = f" timeout {seconds}s" if seconds else ""
        elements = ", ".join(sorted({f"{a.host} . {b.host}{end}" for a, b in pairs}))
        return self.change(f"add element bridge clusterd cut {{ {elements} }}")

    def cut_one_way(self, a, b):
        return self.drop([(a, b)])

    def cut(self, a, b):
        return self.drop([(a, b), (b, a)])

    def split(self, *sides, seconds=None):
        pairs = itertools.permutations(sides, 2)
        return self.drop([(a, b) for one, other in pairs for a in one for b in other], seconds)

    def isolate(self, node):
        return self.split([node], [n for n in self.nodes if n is not node])

    def deafen(self, node):
        return self.drop([(other, node) for other in self.nodes if other is not node])

    def mute(self, node):
        return self.drop([(node, other) for other in self.nodes if other is not node])

    def dropped(self):
        """How many packets cuts have swallowed so far."""
        shown = subprocess.run([*self.bridge.enter, "nft", "list", "chain", "bridge", "clusterd", "forward"],
                               capture_output=True, text=True, check=True).stdout
        return int(re.search(r"@cut counter packets (\d+)", shown)[1])

    def lose(self, percent, nodes):
        """That part of what these nodes send or receive is lost, at random; between two of them no more often."""
        hosts = "{ " + ", ".join(n.host for n in nodes) + " }"
        dice = f"numgen random mod 100 < {percent} drop"
        return self.change(f"add rule bridge clusterd loss ip saddr {hosts} {dice}",
                           f"add rule bridge clusterd loss ip saddr != {hosts} ip daddr {hosts} {dice}")

    def heal(self):
        return self.change("flush set bridge clusterd cut", "flush chain bridge clusterd loss")


class Watch:
    """What nodes tell from now on."""

    def __init__(self, nodes):
        self.since = {node: max((e.n for e in read_events(node)), default=0) for node in nodes}

    def events(self, node, *kinds):
        return [e for e in read_events(node, self.since[node]) if not kinds or e.kind in kinds]

    def stops(self, tellers=None, of=None):
        """(who tells it, who is stopped, why) for all stops, or those of some nodes only."""
        names = None if of is None else {n.name for n in of}
        return [(teller.name, e.node, e.text) for teller in tellers or self.since
                for e in self.events(teller, "node_stopped") if names is None or e.node in names]

    def changes(self, tellers=None):
        """All that was told of who runs and who doesn't."""
        kinds = "node_stopped", "node_running", "node_restarted", "partition_detected", "partition_healed", \
            "quorum_lost", "quorum_gained", "node_joined", "node_left", "node_removed", "node_cleaned"
        return [(teller.name, e.kind, e.node, e.text) for teller in tellers or self.since
                for e in self.events(teller, *kinds)]

    def told_within(self, seconds, begun, kind, tellers, nodes):
        """Each of the tellers has told this of each of the nodes exactly once, at most so long after `begun`, but for
        what the machine stood still."""
        worst = 0
        for teller in tellers:
            told = [e for e in self.events(teller, kind) if e.node in {n.name for n in nodes}]
            assert sorted(e.node for e in told) == sorted(n.name for n in nodes if n is not teller), \
                f"{teller.name} on {kind}: {told}"
            for e in told:
                worst = max(worst, machine.kept(seconds, begun, e.time_ms / 1000, f"{teller.name}: {e}"))
        print(f"{kind}: all {len(tellers)} had told it after {worst:.3f} s")  # pytest -rP shows it


    def told_as_restarted(self, victim, begun, tellers):
        """Each of the tellers tells once that the victim, whose process was killed at `begun`, restarted, and no stop;
        unless the new process was not there to be heard by then. Its start waits for its disk, which a busy machine keeps
        from it without standing still, so that has a bound of its own."""
        def told(teller):
            return [e for e in self.events(teller, "node_stopped", "node_running", "node_restarted") if e.node == victim.name]

        def heard():
            return [e.time_ms / 1000 for e in read_events(victim) if e.kind == "node_running" and e.time_ms / 1000 > begun]

        there = wait_for(heard, 10, f"{victim.name} hears of others")[0]
        machine.kept(START_S, begun, there, f"{victim.name} is back")
        for teller in tellers:
            wait_for(lambda teller=teller: told(teller) and told(teller)[-1].kind != "node_stopped", 10,
                     f"{teller.name} tells that {victim.name} is back")
            first, *more = told(teller)
            if first.kind == "node_stopped":
                assert first.time_ms / 1000 - begun >= RESTART_S - GRAIN_S, f"{teller.name} did not wait for it: {first}"
                machine.kept(HEARD_S, there, first.time_ms / 1000, f"{teller.name}, though {victim.name} was there: {first}")
                machine.kept(RESTART_S, there, more[0].time_ms / 1000, f"{teller.name}: {more[0]}")
            else:
                assert (first.kind, more) == ("node_restarted", []), (teller.name, first, more)


def read_events(node, since=0):
    with Control(node.socket) as control:
        return control.events(since)


def hold(seconds, check, since=None):
    """check() holds all the time, for so long from now, or since a wall clock."""
    end = time.monotonic() + seconds - (0 if since is None else time.time() - since)
    while True:
        assert check(), "what should have stayed so has changed"
        if time.monotonic() > end:
            return
        time.sleep(POLL_S * 10)


def nothing(watched):
    """For hold(): the list stays empty."""
    def check():
        found = watched()
        assert found == [], found
        return True
    return check


def formed(nodes):
    """Waits until nodes that agree have also come to rest: all vote, all have told of all, no link is held back."""
    def holds_none(node):
        return all(link["state"] != "held" for link in node.ctl("links", "--json").json())

    for node in nodes:
        wait_for(lambda node=node: holds_none(node), 30, f"{node.name} holds no link back")
    Cluster.settle(nodes)
    return nodes


def quorum(node):
    status = node.ask(Control.status)
    return status and status["quorum"]


@contextlib.contextmanager
def paused(processes):
    """These processes don't run inside; on leaving they go on. Yields the wall clock of the pause."""
    for process in processes:
        process.kill(signal.SIGSTOP)
    try:
        yield time.time()
    finally:
        for process in processes:
            process.kill(signal.SIGCONT)


@contextlib.contextmanager
def busy_loops(n):
    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(n)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
