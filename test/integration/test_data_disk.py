"""The shared data and its disk: what fails or hangs there is told, is that node's trouble alone, and none of membership's."""

import ctypes
import errno
import os
import re
import shutil
import struct
import subprocess
import time

import pytest

import disk
from cluster import Unequal, lap_begins, lap_of, wait_for
from control import Control
from kv import digest, export, get, load, pairs, put, same_everywhere
from net import Watch, hold, nothing

STALL_S = 10
RECORD = struct.Struct("=QQII")  # begins each in kv/log: lap, checksum, length of what follows up to a multiple of 8


def numbered(n, size=200, prefix="entry"):
    return [(f"{prefix}/{i:06}", f"{i} ".ljust(size, "x")) for i in range(n)]


def data_file(node):
    return node.data_dir / "kv" / "data.mdb"


def log_file(node):
    return data_file(node).with_name("log")


def warning(node, code):
    return next((w for w in node.status()["warnings"] if w["code"] == code), None)


def whole(node):
    """Whether no link is in doubt, as one is for a moment when this machine stands still."""
    links = node.ctl("links", "--json").json()
    return all(link["state"] in ("live", "usable") for link in links) or Unequal(links)


def refused(node, key):
    answer = node.ctl("kv", "put", key, "v", "--ack", "local")
    return answer if answer.code != 0 else None


# --- a disk that fails, or hangs

@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_disk_that_refuses_is_told_and_gets_well(cluster, error):
    nodes = cluster.static(3)
    cluster.settle(nodes)
    put(nodes[2], "before", "1")
    watch = Watch(nodes)
    with disk.failing(nodes[2], error):
        answer = wait_for(lambda: refused(nodes[2], "own"), 10, "a write is refused")
        assert os.strerror(error) in answer.err and "node.data_dir" in answer.err, answer
        status = nodes[2].status()
        assert status["storage"] == "failed" and os.strerror(error) in nodes[2].ctl("status").out, status
        assert warning(nodes[2], "data_store_failed"), status
        assert get(nodes[2], "before")["value"] == "1"
        load(nodes[0], numbered(200))
        same_everywhere(nodes[:2])
        cluster.agree(nodes)
    wait_for(lambda: nodes[2].status()["storage"] == "ok", 20, "the disk is well again")
    assert nodes[2].status()["storage_text"] == "ok"
    put(nodes[2], "own", "2")
    assert len(pairs(same_everywhere(nodes))) == 202
    assert watch.stops() == []


def test_a_disk_that_hangs_stops_no_heartbeat(cluster):
    nodes = cluster.static(3)
    cluster.settle(nodes)
    put(nodes[0], "before", "1")
    watch = Watch(nodes)
    with disk.stalled(nodes[0]) as tracer:
        begun = time.time()
        late = nodes[0].ctl("kv", "put", "own", "late", "--timeout", "2s")
        assert tracer.met.is_set()
        assert late.code == 1 and "not yet durable" in late.err, late
        put(nodes[1], "others", "go on")
        hold(STALL_S, nothing(watch.stops), since=begun)
        cluster.agree(nodes)
        assert get(nodes[0], "before")["value"] == "1"
        assert get(nodes[0], "own") is None
        wait_for(lambda: whole(nodes[1]), 5, "all links are well while the disk hangs")
    wait_for(lambda: get(nodes[0], "own"), 10, "what was asked for is done when the disk comes back")
    assert len(pairs(same_everywhere(nodes))) == 3
    assert watch.stops() == []


# --- a file that can't be read

def cut_off(file):
    os.truncate(file, file.stat().st_size // 2)


def emptied(file):
    os.truncate(file, 0)


def bytes_wrong(file):
    with open(file, "r+b") as f:
        f.seek(file.stat().st_size // 2)
        f.write(b"\xa5" * 20000)


def unreadable(file):
    file.unlink()
    file.mkdir()


def newer(file):
    """Its header says format 2: exported, changed, checksum and all, and imported again."""
    text = subprocess.run(["mdb_dump", "-n", file], capture_output=True, text=True, check=True).stdout
    key, value = b"\0clusterd\0", b"clusterd state\0\2"
    xxhash = ctypes.CDLL("libxxhash.so.0")
    xxhash.XXH3_64bits.restype = xxhash.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    seed = ctypes.c_uint64(xxhash.XXH3_64bits(key, ctypes.c_size_t(len(key))))
    seal = xxhash.XXH3_64bits_withSeed(value, ctypes.c_size_t(len(value)), seed)
    text, n = re.subn(f"^ {key.hex()}\n .*$", f" {key.hex()}\n 01{seal:016x}{value.hex()}", text, flags=re.M)
    assert n == 1
    file.unlink()
    subprocess.run(["mdb_load", "-n", file], input=text, text=True, check=True)
    (file.parent / (file.name + "-lock")).unlink(missing_ok=True)


def n_records(node):
    """What the log of a node that is down has and its database doesn't."""
    copy = shutil.copy(data_file(node), node.dir / "copy.mdb")
    lap = lap_of(subprocess.run(["mdb_dump", "-n", "-p", copy], capture_output=True, text=True, check=True).stdout)
    log, n = log_file(node).read_bytes(), 0
    at = lap_begins(log, lap)
    while at is not None and log[at:at + len(lap)] == lap:
        n, at = n + 1, at + (RECORD.size + RECORD.unpack_from(log, at)[2] + 7) // 8 * 8
    return n


def bit_flipped(log):
    """In the first of several records; the half that is not in use doesn't mind."""
    with open(log, "r+b") as f:
        for half in (0, log.stat().st_size // 2):
            f.seek(half + RECORD.size)
            (byte,) = f.read(1)
            f.seek(half + RECORD.size)
            f.write(bytes([byte ^ 1]))


DAMAGE = {cut_off: "cut off", emptied: "is empty", bytes_wrong: "damaged", unreadable: "not a file",
          newer: "newer clusterd (format 2"}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
def test_data_that_cant_be_read_is_no_trouble_of_membership(cluster, damage):
    nodes = cluster.static(3)
    cluster.settle(nodes)
    load(nodes[0], numbered(500))
    put(nodes[2], "own", "1")
    before = same_everywhere(nodes)
    nodes[2].stop()
    damage(data_file(nodes[2]))
    goes_on_without(nodes, before, DAMAGE[damage], data_file(nodes[2]).parent)


LOG_DAMAGE = {emptied: "cut off", cut_off: "cut off", bit_flipped: "damaged", os.unlink: "missing"}


@pytest.mark.parametrize("damage", LOG_DAMAGE, ids=lambda f: f.__name__)
def test_a_log_of_writes_that_cant_be_read_is_no_trouble_of_membership(cluster, damage):
    """Killed before its file has taken over what is only in the log; what was acknowledged the others have."""
    nodes = cluster.static(3)
    cluster.settle(nodes)
    load(nodes[0], numbered(500))
    same_everywhere(nodes)

    def killed_in_time():
        for i in range(10):
            put(nodes[2], "own", "1")
            put(nodes[2], f"own/{i}", "1")
        nodes[2].kill()
        if n_records(nodes[2]) > 1:
            return True
        nodes[2].start()
        cluster.agree(nodes)
        return False

    wait_for(killed_in_time, 60, "it is killed with writes that only its log has")
    before = same_everywhere(nodes[:2])
    assert len(pairs(before)) == 511
    damage(log_file(nodes[2]))
    goes_on_without(nodes, before, LOG_DAMAGE[damage], log_file(nodes[2]))


def goes_on_without(nodes, before, said, where):
    """The last of the nodes, which is down, starts on data that is damaged there: it says so, takes part in everything
    else, and gets the data back by kv repair."""
    cluster = nodes[2].cluster
    nodes[2].start()
    cluster.agree(nodes)

    status = wait_for(lambda: (s := nodes[2].status())["storage"] == "failed" and s, 10, "it says so")
    assert said in status["storage_text"] and str(where) in status["storage_text"], status
    assert "kv repair" in warning(nodes[2], "data_unusable")["hint"]
    assert said in nodes[2].ctl("status").out
    assert said in nodes[2].ctl("kv", "status").out
    for command in ("get", "own"), ("put", "own", "2"), ("list",), ("export",), ("delete", "own"), ("watch",):
        answer = nodes[2].ctl("kv", *command)
        assert answer.code == 1 and "kv repair" in answer.err, answer
    put(nodes[0], "others", "go on")
    put(nodes[1], "entry/000000", "changed")
    others = same_everywhere(nodes[:2])
    assert len(pairs(others)) == len(pairs(before)) + 1

    answer = nodes[2].ctl("kv", "repair")
    assert answer.code == 0, answer
    assert same_everywhere(nodes) == others
    assert nodes[2].status()["storage"] == "ok"
    assert (nodes[2].data_dir / "kv.damaged" / "data.mdb").exists()
    put(nodes[2], "own", "2")
    assert pairs(same_everywhere(nodes))["own"] == "2"
    refusal = nodes[2].ctl("kv", "repair")
    assert refusal.code == 1 and "nothing to repair" in refusal.err, refusal


def test_data_that_cant_be_read_is_nobodys_source(cluster):
    """It isn't copied from, it doesn't hand over, it isn't left behind without a word."""
    nodes = cluster.manual(2)
    load(nodes[0], numbered(50))
    before = same_everywhere(nodes)
    nodes[1].stop()
    bytes_wrong(data_file(nodes[1]))
    nodes[1].start()
    cluster.agree(nodes)
    wait_for(lambda: nodes[1].status()["storage"] == "failed", 10, "it says so")

    joiner = cluster.node(3).start()
    put(joiner, "joiner", "1")
    answer = joiner.ctl("cluster", "join", nodes[1].name)
    assert answer.code == 1 and "can't be read" in answer.err, answer
    assert pairs(export(joiner)) == {"joiner": "1"}
    assert joiner.view() == ([joiner.name], [])

    answer = nodes[1].ctl("cluster", "leave")
    assert answer.code == 1 and "kv repair" in answer.err, answer
    cluster.agree(nodes)
    assert export(nodes[0]) == before

    answer = nodes[1].ctl("cluster", "leave", "--force")
    assert answer.code == 0, answer
    cluster.agree(nodes[:1])
    wait_for(lambda: nodes[1].status()["storage"] == "ok", 10, "it begins anew")
    assert pairs(export(nodes[1])) == {}
    answer = nodes[1].ctl("cluster", "join", nodes[0].name)
    assert answer.code == 0, answer
    assert same_everywhere(nodes) == before


def test_a_node_alone_gives_its_damaged_data_up_only_by_force(cluster):
    (node,) = cluster.manual(1)
    load(node, numbered(50))
    node.stop()
    bytes_wrong(data_file(node))
    node.start()
    wait_for(lambda: node.status()["storage"] == "failed", 10, "it says so")
    answer = node.ctl("kv", "repair")
    assert answer.code == 1 and "--force" in answer.err, answer
    answer = node.ctl("kv", "repair", "--force")
    assert answer.code == 0, answer
    assert pairs(export(node)) == {}
    put(node, "new", "1")
    node.kill()
    node.start()
    assert pairs(export(node)) == {"new": "1"}


def test_a_node_that_starts_on_a_read_only_disk_waits_for_it(cluster):
    nodes = cluster.static(3, supervisor__restart_max="300ms")
    load(nodes[0], numbered(50))
    before = same_everywhere(nodes)
    nodes[2].stop()
    bind = ["mount", "--bind", nodes[2].data_dir, nodes[2].data_dir]
    subprocess.run(bind, check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", nodes[2].data_dir], check=True)
    nodes[2].spawn()
    nodes[2].wait_log("Read-only file system")
    cluster.agree(nodes[:2], stopped=nodes[2:])
    subprocess.run(["mount", "-o", "remount,bind,rw", nodes[2].data_dir], check=True)
    # Before it had a lock there is nothing that could wait.
    wait_for(lambda: not nodes[2].running or nodes[2].ask(Control.status), 20, "it has ended, or waits")
    if not nodes[2].running:
        nodes[2].spawn()
    cluster.agree(nodes)
    assert same_everywhere(nodes) == before


# --- a map that takes its time

def loads(cluster, entries):
    """A restart with that many entries: membership is there at once, the data when it is read."""
    nodes = cluster.static(3)
    cluster.settle(nodes)
    load(nodes[0], numbered(entries))
    before = digest(nodes[0])
    watch = Watch(nodes[1:])
    nodes[0].kill()
    cluster.agree(nodes[1:], stopped=nodes[:1])
    wait_for(lambda: len(watch.stops(of=nodes[:1])) == 2, 10, "both have told that it is stopped")
    nodes[0].start()
    seen = set()

    def loaded():
        status = nodes[0].ask(lambda control: control.call("kv_status"))
        seen.add(status[-1].split()[0] if status else None)
        return "ready" in seen

    begun = time.monotonic()
    cluster.agree(nodes)
    print(f"agreed after {time.monotonic() - begun:.2f} s, data {sorted(s for s in seen if s)}")
    wait_for(loaded, 60, "the data is loaded")
    print(f"loaded after {time.monotonic() - begun:.2f} s: " +
          next(line for line in nodes[0].log().splitlines()[::-1] if "data_loaded" in line))
    assert digest(nodes[0]) == before
    assert len(watch.stops(of=nodes[:1])) == 2, "it went away while it loaded"
    assert "self_stalled" not in [kind for kind, _ in nodes[0].told_since(0)]
    return seen


def test_a_restart_loads_beside_everything_else(cluster):
    loads(cluster, 20_000)


@pytest.mark.long
def test_a_restart_with_a_large_map_delays_no_link(cluster):
    assert "loading" in loads(cluster, 400_000)
