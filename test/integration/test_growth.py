"""A thousand joins and leaves of one node: no descriptor and no memory is lost on the way.

What may grow is counted: whoever left is remembered by its bare id, and the ring of the last events fills up.
"""

import pytest

from cluster import wait_for

WARM_UP = 200
NOISE_KIB = 64  # what an allocator moves by
ID_BYTES = 128  # a departed id, in memory, and again on its way to the disk
ID_BYTES_ON_DISK = 256  # 45 each, and free pages of the transactions that bring and take them all
EVENT_BYTES = 32
EVENTS = 4096
EVENTS_A_ROUND = {"n1@127.0.1.1": 3, "n2@127.0.1.2": 3, "n3@127.0.1.3": 7}


def on_disk_kib(node):
    return sum(f.stat().st_blocks for f in node.data_dir.rglob("*")) / 2


def sizes(node):
    own = sum(p.own_kib for p in [node.process, *node.process.children])
    return node.membership.n_fds, own, on_disk_kib(node)


def events_left(node, done):
    """How many of the ring's places are first used in so many rounds."""
    return max(0, min(done * EVENTS_A_ROUND[node.name], EVENTS - WARM_UP * EVENTS_A_ROUND[node.name]))


def rounds(cluster, sanitized, n):
    n1, n2 = cluster.manual(2)
    joiner = cluster.node(3).start()
    nodes = n1, n2, joiner

    for i in range(n + WARM_UP):
        if i == WARM_UP:
            before = [sizes(node) for node in nodes]
        join = joiner.ctl("cluster", "join", n1.name)
        assert join.code == 0, (i, join)
        leave = joiner.ctl("cluster", "leave")
        assert leave.code == 0, (i, leave)
    cluster.agree([n1, n2])
    cluster.agree([joiner])
    for node, (n_fds, own, disk) in zip(nodes, before):
        wait_for(lambda: node.membership.n_fds <= n_fds, 30, f"{node.name} closes its descriptors")
        _, own_now, disk_now = sizes(node)
        allowed = NOISE_KIB + (n * ID_BYTES + events_left(node, n) * EVENT_BYTES) / 1024
        print(f"{node.name}: {own_now - own} of {allowed:.0f} KiB of memory in {n} rounds, {own} before; "
              f"{disk_now - disk:.0f} KiB on disk, {disk:.0f} before")
        if not sanitized:
            assert own_now - own < allowed, f"{node.name} grew by {own_now - own} KiB"
        assert disk_now - disk < NOISE_KIB + n * ID_BYTES_ON_DISK / 1024, f"{node.name} grew on disk"


def test_hundred_joins_and_leaves(cluster, sanitized):
    rounds(cluster, sanitized, 100)


@pytest.mark.long
def test_thousand_joins_and_leaves(cluster, sanitized):
    rounds(cluster, sanitized, 1000)
