"""Faults of single links and of single nodes' networks: what concerns one link stops nobody, what concerns one node
stops that node alone."""

import itertools
import time

import pytest

from cluster import wait_for
from net import DETECT_S, HEAL_S, Watch, formed, hold, nothing

LONG = pytest.mark.long
LONG_S = 600


def links(node):
    """The states of a node's own links, by the other's name."""
    return {link["to"]: link["state"] for link in node.ctl("links", "--json").json() if link["from"] == node.name}


@pytest.mark.parametrize("seconds", [15, pytest.param(60, marks=LONG)])
def test_one_cut_link_of_five_stops_nobody(net, seconds):
    nodes = formed(net.static(5))
    a, b, *_ = nodes
    watch = Watch(nodes)
    net.cut(a, b)
    for one, other in (a, b), (b, a):
        wait_for(lambda: links(one).get(other.name) not in ("live", "suspect", "unannounced"), 10, "links shows the cut")
    hold(seconds, nothing(watch.changes))
    for one, other in (a, b), (b, a):
        assert links(one).get(other.name) not in ("live", "usable")

    net.heal()
    for one, other in (a, b), (b, a):
        wait_for(lambda: links(one).get(other.name) == "live", 10, "the link is back")
    assert watch.changes() == []


def test_one_direction_of_one_link_cut_stops_nobody(net):
    nodes = formed(net.static(5))
    a, b, *_ = nodes
    watch = Watch(nodes)
    net.cut_one_way(a, b)
    for one, other in (a, b), (b, a):
        wait_for(lambda: links(one).get(other.name) != "live", 10, "links shows the cut")
    hold(6, nothing(watch.changes))


@pytest.mark.parametrize("seconds", [8, pytest.param(30, marks=LONG)])
def test_flapping_link_stops_nobody(net, seconds):
    nodes = formed(net.static(5))
    a, b, *_ = nodes
    watch = Watch(nodes)
    steps = itertools.cycle([lambda: net.cut(a, b), net.heal])
    next_at = time.monotonic()

    def check():
        nonlocal next_at
        if time.monotonic() >= next_at:
            next(steps)()
            next_at = time.monotonic() + 1.5
        return watch.changes() == []

    hold(seconds, check)
    net.heal()
    hold(4, nothing(watch.changes))


def test_blackholed_node_is_stopped_and_comes_back(net):
    nodes = formed(net.static(5))
    victim, *others = nodes
    watch = Watch(nodes)
    cut = net.isolate(victim)
    net.agree(others, stopped=[victim])
    net.agree([victim], stopped=others)
    watch.told_within(DETECT_S, cut, "node_stopped", others, [victim])
    watch.told_within(DETECT_S, cut, "node_stopped", [victim], others)
    assert watch.stops(others, of=others) == []

    end = net.heal()
    net.agree(nodes)
    watch.told_within(HEAL_S, end, "node_running", others, [victim])
    assert len(watch.stops()) == 2 * len(others)


@pytest.mark.parametrize("fault", ["deafen", "mute"])
@pytest.mark.parametrize("seconds", [6, pytest.param(LONG_S, marks=LONG)])
def test_one_way_node_is_stopped_and_stays_so(net, fault, seconds):
    nodes = formed(net.static(5))
    victim, *others = nodes
    watch = Watch(nodes)
    cut = getattr(net, fault)(victim)
    net.agree(others, stopped=[victim])
    watch.told_within(DETECT_S, cut, "node_stopped", others, [victim])
    told_once = sorted((other.name, "node_stopped") for other in others)
    hold(seconds, lambda: sorted(c[:2] for c in watch.changes(others)) == told_once)

    end = net.heal()
    net.agree(nodes)
    watch.told_within(HEAL_S, end, "node_running", others, [victim])
    assert len(watch.stops(others)) == len(others)


@LONG
def test_loss_between_all_stops_nobody(net):
    nodes = formed(net.static(10))
    watch = Watch(nodes)
    net.lose(20, nodes)
    hold(LONG_S, nothing(watch.stops))


def test_some_loss_between_all_stops_nobody(net):
    nodes = formed(net.static(5))
    watch = Watch(nodes)
    net.lose(20, nodes)
    hold(10, nothing(watch.stops))
