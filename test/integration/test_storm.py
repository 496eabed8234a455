"""Storms of crashes and restarts, whole and in a split: those who aren't hit never show each other stopped."""

import random

import pytest

from net import HEAL_S, Watch, formed, hold
from test_partition import others, side_told, sides_agree
from test_planned_restart import restart

LONG = pytest.mark.long


def kill_node(node):
    node.kill()


def kill_supervisor(node):
    node.kill_supervisor()


def kill_membership(node):
    if membership := node.membership:
        membership.kill()


@pytest.mark.parametrize("rounds", [6, pytest.param(60, marks=LONG)])
@pytest.mark.parametrize("act", [kill_node, kill_supervisor, kill_membership])
def test_bystanders_of_a_storm(net, act, rounds):
    nodes = formed(net.static(7, supervisor__restart_max="1s"))
    bystanders, victims = nodes[:4], nodes[4:]
    watch, rng = Watch(bystanders), random.Random(rounds)
    for _ in range(rounds):
        hit = rng.sample(victims, rng.randint(1, len(victims)))
        for victim in hit:
            act(victim)
        for victim in hit:
            if not victim.running:
                victim.spawn()
        if rng.random() < 0.5:
            net.agree(nodes, timeout=60)
        assert watch.stops(of=bystanders) == []
    net.agree(nodes, timeout=60)
    assert watch.stops(of=bystanders) == []
    assert not any(watch.events(n, "quorum_lost", "node_left", "node_removed", "node_cleaned") for n in bystanders)


def test_planned_restarts_during_a_split(net):
    """One of each side restarts by command: no stop on its side, and the healing is told as if nothing had been."""
    nodes = formed(net.static(5))
    sides = nodes[:3], nodes[3:]
    net.split(*sides)
    sides_agree(sides)
    restarted = [side[0] for side in sides]
    rest = [n for n in nodes if n not in restarted]
    watch = Watch(rest)
    for node in restarted:
        restart(node)
    sides_agree(sides)
    assert watch.stops() == []

    end = net.heal()
    net.agree(nodes)
    for side in sides:
        watch.told_within(HEAL_S, end, "node_running", [n for n in side if n in rest], others(side, sides))
    told = {n: side_told(n, watch) for n in rest}
    assert all(told[n] == [("majority", "3", "2")] for n in sides[0] if n in rest), told
    assert all(told[n] == [("minority", "2", "3")] for n in sides[1] if n in rest), told
    hold(3, lambda: watch.stops() == [])
