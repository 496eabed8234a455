"""kill -9 of a node and of each of its processes; hangs; orderly stops."""

import signal
import time

import pytest

from cluster import Process, wait_for
from net import Watch

# A link's time-out is 2.5 s: what is known before that was not learnt by waiting.
AT_ONCE_S = 1.5
FAST_TIMEOUT_S = 0.5


def known_within(watch, cluster, victim, begun, seconds):
    others = list(watch.since)
    cluster.agree(others, stopped=[victim])
    watch.told_within(seconds, begun, "node_stopped", others, [victim])


def by_member_id(nodes):
    return sorted(nodes, key=lambda n: n.me()["member_id"])


@pytest.mark.parametrize("rank", ["smallest", "middle", "largest"])
def test_killed_node_is_known_at_once(cluster, rank):
    nodes = cluster.static(3)
    cluster.settle(nodes)
    victim = by_member_id(nodes)[["smallest", "middle", "largest"].index(rank)]
    others = [n for n in nodes if n is not victim]
    incarnation = victim.me()["incarnation"]
    watch = Watch(others)

    begun = time.time()
    victim.kill()
    known_within(watch, cluster, victim, begun, AT_ONCE_S)

    victim.start()
    cluster.agree(nodes)
    assert victim.me()["incarnation"] > incarnation


def test_orderly_stop_is_known_at_once_and_is_no_leave(cluster):
    n1, n2, n3 = cluster.static(3)
    cluster.settle([n1, n2, n3])
    watch = Watch([n1, n2])
    begun = time.time()
    assert n3.stop() == 0
    known_within(watch, cluster, n3, begun, AT_ONCE_S)
    n3.start()
    cluster.agree([n1, n2, n3])


def test_killed_worker_comes_back_alone(cluster):
    nodes = cluster.static(3)
    n1 = nodes[0]
    marks = cluster.settle(nodes)
    membership, worker = n1.membership, n1.child("clusterd-worker-static")

    worker.kill()
    wait_for(lambda: (w := n1.child("clusterd-worker-static")) and w.pid != worker.pid, 10, "a new worker")
    wait_for(lambda: n1.ctl("workers", "--json").json()[0]["restarts"] == 1, 10, "the restart is shown")
    wait_for(lambda: n1.ctl("workers", "--json").json()[0]["candidates"] == 2, 10, "its candidates are back")

    assert membership.alive
    cluster.agree(nodes)
    for node, mark in zip(nodes, marks):
        assert node.told_since(mark) == []


def test_killed_membership_is_seen_as_a_restart(cluster):
    nodes = cluster.static(3)
    n1, *others = nodes
    cluster.settle(nodes)
    watch, before, membership = Watch(others), n1.me(), n1.membership

    begun = time.time()
    membership.kill()
    wait_for(lambda: (m := n1.membership) and m.pid != membership.pid, 10, "a new membership")
    n1.wait_ready()
    cluster.agree(nodes)
    watch.told_as_restarted(n1, begun, others)
    for node in others:
        wait_for(lambda: node.members()[n1.name]["incarnation"] > before["incarnation"], 10, "a higher incarnation")
    after = n1.me()
    assert after["member_id"] == before["member_id"]
    wait_for(lambda: n1.membership and n1.child("clusterd-worker-static"), 10, "both children")
    assert len(n1.process.children) == 2


def test_killed_supervisor_leaves_no_orphan(cluster):
    nodes = cluster.static(3)
    n1, *others = nodes
    children = [n1.membership, wait_for(lambda: n1.child("clusterd-worker-static"), 10, "a worker")]
    assert len(n1.process.children) == 2

    n1.kill_supervisor()
    assert not any(c.alive for c in children)
    cluster.agree(others, stopped=[n1])
    n1.start()
    cluster.agree(nodes)


def test_hung_node_is_stopped_after_the_link_timeout_and_returns(cluster):
    seeds = "[n1@127.0.1.1, n2@127.0.1.2, n3@127.0.1.3]"
    nodes = [cluster.node(i, cluster__discovery_strategy="static", cluster__static__seeds=seeds,
                          cluster__profile="fast").start() for i in (1, 2, 3)]
    cluster.agree(nodes)
    cluster.settle(nodes)
    *others, hung = nodes
    watch = Watch(others)
    begun = time.time()
    hung.membership.kill(signal.SIGSTOP)
    known_within(watch, cluster, hung, begun, FAST_TIMEOUT_S + 0.5)
    hung.membership.kill(signal.SIGCONT)
    cluster.agree(nodes)


def test_hung_worker_is_replaced(cluster):
    n1 = cluster.node(1, cluster__discovery_strategy="static", cluster__static__seeds="[n1@127.0.1.1]",
                      supervisor__worker_watchdog="1s").start()
    worker = wait_for(lambda: n1.child("clusterd-worker-static"), 10, "a worker")
    worker.kill(signal.SIGSTOP)
    wait_for(lambda: not worker.alive, 10, "the hung worker is killed")
    worker = wait_for(lambda: n1.child("clusterd-worker-static"), 10, "a new worker")
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun > 2.5, 10, "it could have been taken for hung twice")
    assert worker.alive


def test_stop_ends_every_process(cluster):
    n1 = cluster.static(2)[0]
    tree = [n1.process, *n1.process.children]
    assert n1.stop() == 0
    assert not any(Process(p.pid).alive for p in tree)


def test_repeated_crashes_of_membership_are_survived(cluster):
    n1, n2 = cluster.static(2)
    for _ in range(5):
        victim = wait_for(lambda: n1.membership, 30, "a membership process")
        victim.kill()
        wait_for(lambda: not victim.alive, 10, "it is dead")
    n1.wait_ready(timeout=40)
    cluster.agree([n1, n2])
