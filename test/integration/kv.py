"""Reading and writing the shared data of real nodes."""

import hashlib
import subprocess
import threading

from cluster import wait_for
from control import Control

ACK_ONE = 1
HEADER = "# clusterd kv 1\n"


def put(node, key, value, *options):
    answer = node.ctl("kv", "put", key, value, *options)
    assert answer.code == 0, answer


def get(node, key):
    """The value that readers see, or None."""
    item = node.ctl("kv", "get", key, "--json")
    return item.json() if item.code == 0 else None


def load(node, lines, timeout=300):
    """Writes (key, value) pairs as `kv import` does."""
    text = HEADER + "".join(f"{key}\t{value}\n" for key, value in lines)
    run = subprocess.run([node.cluster.build / "clusterctl", "--socket", node.socket, "kv", "import"], input=text,
                         capture_output=True, text=True, timeout=timeout)
    assert run.returncode == 0, run.stderr


def export(node):
    answer = node.ctl("kv", "export", timeout=120)
    assert answer.code == 0, answer
    return answer.out


def digest(node):
    return hashlib.sha256(export(node).encode()).hexdigest()


def pairs(text):
    """What an export holds: key to value."""
    return dict(line.split("\t")[:2] for line in text.splitlines()[1:])


def same_everywhere(nodes, timeout=60):
    """What all nodes export, once it is equal."""
    wait_for(lambda: len({digest(n) for n in nodes}) == 1, timeout, "equal data on all nodes")
    return export(nodes[0])


class Writer(threading.Thread):
    """Writes its own keys one after the other, on whatever node answers, and notes what was acknowledged."""

    def __init__(self, number, nodes):
        super().__init__(daemon=True)
        self.number, self.nodes = number, nodes
        self.stop = threading.Event()
        self.acked = {}

    def run(self):
        n = self.number
        while not self.stop.is_set():
            node = self.nodes[n % len(self.nodes)]
            try:
                with Control(node.socket) as control:
                    while not self.stop.is_set():
                        self.write(control, f"writer/{self.number}/{n}", f"value {n}")
                        n += 1
            except OSError:
                self.stop.wait(0.02)
            n += 1

    def write(self, control, key, value):
        ok, *_ = control.call("kv_put", key.encode(), value.encode(), ACK_ONE, 0, False, "", 0)
        if ok:
            self.acked[key] = value
