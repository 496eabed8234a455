"""A sick worker beside healthy nodes: the membership keeps its pace, says what is wrong, and others are unaffected."""

import time

import pytest

import machine
from cluster import wait_for

FLOOD = '''#!{python}
import msgpack, os, select, struct, time

def send(fd, method, *params):
    body = msgpack.packb([2, method, list(params)])
    data = struct.pack(">I", len(body)) + body
    while data:
        data = data[os.write(fd, data):]

os.read(3, 65536)
send(3, "ready")
os.set_blocking(4, True)
beat = generation = 0
while True:
    generation += 1
    for part in range(20):
        first = generation * 10000 + part * 500
        names = [["x%d@{host}" % (first + i), "{host}", 0, "flood"] for i in range(500)]
        if generation <= {sets}:
            send(4, "candidates", generation, part, part == 19, names)
        if time.monotonic() > beat + 0.2:
            send(3, "beat")
            beat = time.monotonic()
    if generation > {sets}:
        time.sleep(0.2)
'''

BOMB = '''#!{python}
import os, resource, struct, time
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
hoard = []
while True:
    hoard.append(bytearray(16 << 20))
'''

ANSWERS_S = 1.5

SICK = {
    "flood of a million addresses": FLOOD.replace("{host}", "127.77.1.1").replace("{sets}", "100"),
    "flood of a million names": FLOOD.replace("{host}", "nowhere.invalid").replace("{sets}", "100"),
    "memory bomb": BOMB,
    "crash loop": "#!/bin/sh\nkill -SEGV $$\n",
    "hang": "#!/bin/sh\nexec sleep 1000\n",
}


@pytest.mark.parametrize("what", sorted(SICK))
def test_sick_worker(cluster, what):
    libexec = cluster.dir / "libexec"
    libexec.mkdir()
    for program in (cluster.build / "libexec").iterdir():
        if program.is_file() and program.name != "clusterd-worker-static":
            (libexec / program.name).symlink_to(program)
    sick = libexec / "clusterd-worker-static"
    sick.write_text(SICK[what].replace("{python}", "/usr/bin/python3"))
    sick.chmod(0o755)

    first, second = cluster.static(2)
    third = cluster.node(3, cluster__discovery_strategy="static", cluster__static__seeds="[n1@127.0.1.1]",
                         supervisor__worker_watchdog="2s")
    third.env["CLUSTERD_LIBEXEC"] = str(libexec)
    third.start()
    # The others know it by their own lists after a reload; it needs no word of its worker.
    for node in (first, second):
        node.conf["cluster.static.seeds"] = "[n1@127.0.1.1, n2@127.0.1.2, n3@127.0.1.3]"
        node.write_conf()
        assert node.ctl("conf", "reload").code == 0
    cluster.agree([first, second, third], timeout=30)
    since = cluster.settle([first, second, third])
    membership = third.membership.pid

    until = time.monotonic() + 4
    while time.monotonic() < until:
        begun = time.time()
        assert third.ctl("cluster", "status").code == 0
        machine.kept(ANSWERS_S, begun, time.time(), "an answer")
    cluster.agree([first, second, third])
    for node, n in zip((first, second, third), since):
        assert not [kind for kind, _ in node.event_kinds(n) if kind in ("node_stopped", "node_down")]
    assert third.membership.pid == membership

    def row():
        return next(row for row in third.ctl("workers", "--json").json() if row["name"] == "static")

    if "flood" in what:
        wait_for(lambda: row()["candidates"] == 10000, 20, "the flood ends at the limit")
    else:
        wait_for(lambda: row()["restarts"] >= 1 and row()["last_exit"], 20, "it is restarted, and why")
        assert "static" in third.log()
