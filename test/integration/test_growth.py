"""A thousand joins and leaves of one node: no descriptor and no memory is lost on the way.

What may grow is counted: whoever left is remembered by its bare id, and the ring of the last events fills up.
"""

import statistics
import time

import pytest

from cluster import wait_for

WARM_UP = 200
SPANS = 5
TRIM_S = 6
NOISE_KIB = 32  # what an allocator moves by within a span: what is lost is lost in each, so the middle one of five tells
NOISE_ON_DISK_KIB = 64
ID_BYTES = 128  # a departed id, in memory, and again on its way to the disk
ID_BYTES_ON_DISK = 256  # 45 each, and free pages of the transactions that bring and take them all
EVENT_BYTES = 32
EVENTS = 4096
EVENTS_A_ROUND = {"n1@127.0.1.1": 3, "n2@127.0.1.2": 3, "n3@127.0.1.3": 7}


def own_kib(node):
    return sum(p.own_kib for p in [node.process, *node.process.children])


def own_at_rest(nodes):
    """What a join needed goes back to the kernel a few seconds after it; the more ids are to be told, the more it was."""
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun > TRIM_S, TRIM_S + 5, "what is free is given back")
    return {node.name: own_kib(node) for node in nodes}


def on_disk_kib(node):
    return sum(f.stat().st_blocks for f in node.data_dir.rglob("*")) / 2


def events_left(node, begin, end):
    """How many of the ring's places are first used by the rounds from begin to end."""
    used = [min(i * EVENTS_A_ROUND[node.name], EVENTS) for i in (begin, end)]
    return used[1] - used[0]


def join_and_leave(joiner, target, n):
    for i in range(n):
        join = joiner.ctl("cluster", "join", target.name)
        assert join.code == 0, (i, join)
        leave = joiner.ctl("cluster", "leave")
        assert leave.code == 0, (i, leave)


def beyond_allowed(node, own, span):
    """What a node grew by in each span, less what may be: all in KiB."""
    for i in range(SPANS):
        begin = WARM_UP + i * span
        allowed = (span * ID_BYTES + events_left(node, begin, begin + span) * EVENT_BYTES) / 1024
        yield own[i + 1] - own[i] - allowed


def rounds(cluster, sanitized, n):
    n1, n2 = cluster.manual(2)
    joiner = cluster.node(3).start()
    nodes = n1, n2, joiner
    span = n // SPANS

    join_and_leave(joiner, n1, WARM_UP)
    before = [(node.membership.n_fds, on_disk_kib(node)) for node in nodes]
    own = [own_at_rest(nodes)]
    for _ in range(SPANS):
        join_and_leave(joiner, n1, span)
        own.append(own_at_rest(nodes))
    cluster.agree([n1, n2])
    cluster.agree([joiner])

    for node, (n_fds, disk) in zip(nodes, before):
        wait_for(lambda: node.membership.n_fds <= n_fds, 30, f"{node.name} closes its descriptors")
        own_kibs = [o[node.name] for o in own]
        beyond = statistics.median(beyond_allowed(node, own_kibs, span))
        grown_on_disk = on_disk_kib(node) - disk
        print(f"{node.name}: {own_kibs} KiB of memory, one after each {span} rounds, {beyond:.0f} beyond what may be; "
              f"{grown_on_disk:.0f} KiB on disk, {disk:.0f} before")
        if not sanitized:
            assert beyond < NOISE_KIB, f"{node.name} grows in its memory"
        assert grown_on_disk < NOISE_ON_DISK_KIB + n * ID_BYTES_ON_DISK / 1024, f"{node.name} grew on disk"


def test_hundred_joins_and_leaves(cluster, sanitized):
    rounds(cluster, sanitized, 100)


@pytest.mark.long
def test_thousand_joins_and_leaves(cluster, sanitized):
    rounds(cluster, sanitized, 1000)
