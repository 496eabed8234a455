"""Three nodes on loopback, measured from outside over their control sockets without pause for breath: what takes
milliseconds."""

import os
import pathlib
import subprocess
import tempfile
import time

import msgpack

from cluster import Cluster, wait_for
from control import Control
from table import head, row

POLL_S = 0.0003


def poll(condition, timeout=30):
    """Seconds until condition() holds, looked at without pause for breath."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > timeout:
            raise TimeoutError
        time.sleep(POLL_S)
    return time.monotonic() - begun


class Bench:
    def __init__(self, build):
        self.build = build
        run = subprocess.run([build / "clusterctl", "cookie", "generate"], capture_output=True, text=True, check=True)
        self.cookie = run.stdout.strip()

    def __enter__(self):
        directory = tempfile.mkdtemp(dir=os.environ["CLUSTERD_TEST_DIR"])
        self.cluster = Cluster(pathlib.Path(directory), self.build, self.cookie)
        return self

    def __exit__(self, *_):
        self.cluster.close()

    def nodes(self, strategy):
        seeds = "[" + ", ".join(f"n{i}@127.0.1.{i}" for i in (1, 2, 3)) + "]" if strategy == "static" else None
        return [self.cluster.node(i, cluster__discovery_strategy=strategy, cluster__static__seeds=seeds,
                                  log__level="info") for i in (1, 2, 3)]

    def formed(self, strategy="static"):
        nodes = self.nodes(strategy)
        for node in nodes:
            node.start()
        if strategy == "manual":
            assert nodes[1].ctl("cluster", "join", nodes[0].name).code == 0
            self.cluster.agree(nodes[:2])
        else:
            self.cluster.agree(nodes)
        return nodes


def agreed(nodes, running, stopped=()):
    expected = sorted(n.name for n in running), sorted(n.name for n in stopped)
    return all(node.view() == expected for node in nodes)


def first_answer(bench):
    node = bench.nodes("manual")[0]
    begun = time.monotonic()
    node.spawn()
    poll(lambda: node.view() == ([node.name], []))
    return time.monotonic() - begun


def first_clusterctl(bench):
    node = bench.nodes("manual")[0]
    begun = time.monotonic()
    node.spawn()
    poll(lambda: node.ctl("cluster", "status").code == 0)
    return time.monotonic() - begun


def start(bench):
    nodes = bench.nodes("static")
    begun = time.monotonic()
    for node in nodes:
        node.spawn()
    poll(lambda: agreed(nodes, nodes))
    return time.monotonic() - begun


def command(node, method, *params):
    """Sends a command without waiting for its answer."""
    control = Control(node.socket)
    control.send_frame(msgpack.packb([0, 1, method, list(params)]))
    return control


def join(bench):
    nodes = bench.formed("manual")
    with command(nodes[2], "join", nodes[0].name):
        return poll(lambda: agreed(nodes, nodes))


def leave(bench):
    nodes = bench.formed()
    with command(nodes[2], "leave", False):
        return poll(lambda: agreed(nodes[:2], nodes[:2]))


def kill(bench):
    nodes = bench.formed()
    wait_for_probes(nodes)
    begun = time.monotonic()
    nodes[2].kill()
    poll(lambda: agreed(nodes[:2], nodes[:2], nodes[2:]))
    return time.monotonic() - begun


def wait_for_probes(nodes):
    """A link's ends have tried each other's listeners 1 s after it came up; a refusal means something from then on."""
    born = time.monotonic()
    wait_for(lambda: time.monotonic() - born > 2 and agreed(nodes, nodes), 10, "two quiet seconds")


MEASURES = [
    ("three static nodes, start to one agreed view", start, 40),
    ("one node, start to the first answer on the control socket", first_answer, 20),
    ("one node, start to the first answer of clusterctl", first_clusterctl, 20),
    ("join by command, until all three agree", join, 50),
    ("leave, until the other two agree", leave, 10),
    ("kill -9, until the other two agree", kill, 10),
]


def measure(build, runs):
    head("three nodes on loopback")
    bench = Bench(build)
    for what, function, budget_ms in MEASURES:
        values = []
        for _ in range(runs):
            with bench:
                values.append(function(bench))
        row(what, "ms", [1000 * v for v in values], budget_ms)
