"""clusterctl restart: the others see that a node came back anew, and no stop."""

import time

import pytest

from cluster import wait_for
from net import Watch

ANNOUNCED_S = 10  # back by then
EARLY_S = 0.1  # the clocks that are compared are not the same
SLACK_S = 2  # one more look of the core, and a loaded machine


def restart(node):
    """By command; the process stays the same, its membership does not."""
    pid, before = node.process.pid, node.membership.pid
    answer = node.ctl("restart")
    assert (answer.code, answer.first_line) == (0, "The node restarts."), answer

    def anew():
        child = node.membership
        return child is not None and child.pid != before

    wait_for(anew, 20, f"{node.name} has a new membership")
    node.wait_ready()
    assert node.process.pid == pid and node.running


def told_restarts(watch, teller):
    return [e.node for e in watch.events(teller, "node_restarted")]


@pytest.mark.parametrize("n", [3, 5])
def test_rolling_restart(cluster, n):
    nodes = cluster.manual(n)
    for node in nodes:
        cluster.settle(nodes)
        others = [other for other in nodes if other is not node]
        watch = Watch(others)
        restart(node)
        cluster.agree(nodes)
        wait_for(lambda watch=watch, others=others, node=node:
                 all(told_restarts(watch, other) == [node.name] for other in others), 10, f"{node.name} told as restarted")
        assert not watch.stops(), watch.stops()
        assert not [c for c in watch.changes() if c[1] != "node_restarted"], watch.changes()


def test_announced_then_sigterm(cluster):
    """As a package's scripts do it."""
    nodes = cluster.manual(3)
    cluster.settle(nodes)
    *others, node = nodes
    watch = Watch(others)
    answer = node.ctl("restart", "--announce")
    assert (answer.code, answer.first_line) == (0, "The restart is announced."), answer
    assert node.stop() == 0
    node.start()
    cluster.agree(nodes)
    assert not watch.stops(), watch.stops()
    for other in others:
        wait_for(lambda other=other: told_restarts(watch, other) == [node.name], 10, f"{other.name} tells of it")


def test_not_back_by_the_deadline(cluster):
    nodes = cluster.manual(3)
    cluster.settle(nodes)
    *others, node = nodes
    watch = Watch(others)
    begun = time.time()
    announced = node.ctl("restart", "--announce")
    assert announced.code == 0, announced
    assert node.stop() == 0
    wait_for(lambda: len(watch.stops()) == len(others), ANNOUNCED_S + SLACK_S, "the node is shown as stopped")
    cluster.agree(others, stopped=[node])
    watch.told_within(ANNOUNCED_S + SLACK_S, begun, "node_stopped", others, [node])
    for other in others:
        stop, = watch.events(other, "node_stopped")
        assert stop.time_ms / 1000 - begun >= ANNOUNCED_S - EARLY_S, f"{other.name}: {stop}"
