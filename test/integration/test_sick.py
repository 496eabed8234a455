"""Nodes that are sick for long: how often the others show them as stopped and running again, counted over minutes."""

import collections
import time

import pytest

from cluster import wait_for
from net import DETECT_S, HEAL_S, Watch, formed, hold

HOLD_FIRST_S, HOLD_NEXT_S, HOLD_MAX_S = 1, 4, 60
LONG_S = 600


def most_falls(seconds):
    """How often who is never well for long may be taken in again: each time its hold is longer."""
    n, at, wait = 1, HOLD_FIRST_S, HOLD_NEXT_S
    while at < seconds:
        n, at, wait = n + 1, at + DETECT_S + wait, min(2 * wait, HOLD_MAX_S)
    return n


def count(watch, tellers, of):
    """Of each teller: how often it has told that node as (stopped, running again)."""
    counts = {}
    for teller in tellers:
        kinds = collections.Counter(e.kind for e in watch.events(teller, "node_stopped", "node_running")
                                    if e.node == of.name)
        counts[teller.name] = kinds["node_stopped"], kinds["node_running"]
    return counts


@pytest.mark.parametrize("seconds", [20, pytest.param(LONG_S, marks=pytest.mark.long)])
def test_a_deaf_a_mute_and_a_lossy_node_in_one_cluster(net, record_property, seconds):
    """Two are stopped in time and stay so; the third falls no more often than its hold allows; nobody else ever."""
    nodes = formed(net.static(8))
    deaf, mute, lossy, *others = nodes
    sick = [deaf, mute, lossy]
    watch = Watch(nodes)
    begun = {deaf: net.deafen(deaf), mute: net.mute(mute)}
    for victim, cut in begun.items():
        for other in others:
            wait_for(lambda victim=victim, other=other: victim.name in (other.view() or ((), ()))[1], 10,
                     f"{other.name} shows {victim.name} stopped")
        watch.told_within(DETECT_S, cut, "node_stopped", others, [victim])
    lossy_since = net.lose(80, [lossy])  # only now: while it is half heard, its record is a path to the others
    for other in others:
        wait_for(lambda other=other: watch.stops([other], of=[lossy]), 30, f"{other.name} shows the lossy one stopped")
    print(f"the lossy one: shown stopped by all after {time.time() - lossy_since:.1f} s")

    def well():
        once = all(set(count(watch, others, victim).values()) == {(1, 0)} for victim in (deaf, mute))
        assert once, [count(watch, others, victim) for victim in (deaf, mute)]
        assert watch.stops(others, of=others) == []
        return True

    hold(seconds, well, since=begun[deaf])
    for victim in sick:
        counts = count(watch, others, victim)
        record_property(victim.name, counts)
        print(f"{victim.name} was told as (stopped, running again), in {seconds} s, by", counts)
    falls, most = count(watch, others, lossy), most_falls(max(seconds, time.time() - lossy_since))
    assert all(stopped <= most for stopped, _ in falls.values()), (most, falls)

    end = net.heal()
    net.agree(nodes, timeout=HOLD_MAX_S + 30)
    for victim in deaf, mute:
        watch.told_within(HEAL_S, end, "node_running", others, [victim])
    assert watch.stops(others, of=others) == []
    stops = watch.stops(others)
    hold(5, lambda: watch.stops(others) == stops)
