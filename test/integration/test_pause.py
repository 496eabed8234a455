"""Processes that don't run for a while, and machines with too much to do."""

import random
import time

import pytest

from cluster import wait_for
from net import DETECT_S, HEAL_S, Watch, busy_loops, formed, hold, nothing, paused

LONG = pytest.mark.long


def passes(seconds):
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end, seconds + 5, "time passes")


def tree(node):
    return [node.process, *node.process.children]


def test_short_pause_is_no_stop(net):
    nodes = formed(net.static(5))
    watch = Watch(nodes)
    for victim in nodes[:3]:
        with paused([victim.membership]):
            passes(1.2)
        hold(3, nothing(watch.stops))
    for node in nodes[:3]:
        assert watch.events(node, "self_stalled") != []
    assert watch.changes() == []


@pytest.mark.parametrize("of", [pytest.param("membership", marks=LONG), "everything"])
def test_long_pause_is_a_stop_and_no_departure(net, of):
    nodes = formed(net.static(5))
    victim, *others = nodes
    watch = Watch(nodes)
    member_id = victim.me()["member_id"]
    with paused([victim.membership] if of == "membership" else tree(victim)) as begun:
        net.agree(others, stopped=[victim])
        watch.told_within(DETECT_S, begun, "node_stopped", others, [victim])
        hold(10, lambda: len(watch.stops(others)) == len(others), since=begun)
        assert watch.stops(others, of=others) == []
        end = time.time()
    net.agree(nodes)
    watch.told_within(HEAL_S, end, "node_running", others, [victim])
    stalls = watch.events(victim, "self_stalled")
    assert stalls and "did not run" in stalls[0].text
    assert victim.status()["stall_ms_max"] > 7000
    assert watch.stops([victim]) == []

    hold(3, lambda: len(watch.stops(others)) == len(others))
    assert victim.me()["member_id"] == member_id
    assert not any(watch.events(n, "node_left", "node_removed", "node_cleaned", "node_restarted") for n in nodes)


@LONG
def test_tenth_of_thirty_paused_again_and_again(net):
    nodes = formed(net.static(30))
    watch = Watch(nodes)
    rng = random.Random(1)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with paused([n.membership for n in rng.sample(nodes, 3)]):
            passes(1.2)
        passes(1.5)
        assert watch.stops() == []
    hold(5, nothing(watch.stops))


def check_busy(net, n_nodes, n_loops, seconds):
    nodes = formed(net.static(n_nodes))
    watch = Watch(nodes)
    with busy_loops(n_loops):
        hold(seconds, nothing(watch.stops))


def test_busy_machine_stops_nobody(net):
    check_busy(net, 10, 4, 8)


@LONG
def test_busy_machine_with_thirty_nodes_stops_nobody(net):
    check_busy(net, 30, 4, 60)
