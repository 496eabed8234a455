"""What heals a split and what doesn't; what is cleaned out and what isn't; storms."""

import random
import time

import pytest

from cluster import wait_for
from net import HEAL_S, QUIET_HEAL_S, Watch, formed, hold, nothing, quorum

LONG = pytest.mark.long
AUTOCLEAN_S = 10


def split_in_two(net, nodes, n):
    sides = nodes[:n], nodes[n:]
    cut = net.split(*sides)
    net.agree(sides[0], stopped=sides[1])
    net.agree(sides[1], stopped=sides[0])
    return sides, cut


def warns(node, code):
    return any(w["code"] == code for w in node.status()["warnings"])


def test_without_autoheal_sides_wait_for_the_operator(net):
    nodes = formed(net.static(5, cluster__autoheal="false"))
    sides, _ = split_in_two(net, nodes, 3)
    watch = Watch(nodes)
    net.heal()
    for side in sides:
        wait_for(lambda: any(warns(n, "waiting_heal") for n in side), 15, "somebody says that it waits")
    hold(8, nothing(lambda: [c for c in watch.changes() if c[1] != "partition_waiting"]))

    begun = time.time()
    answer = next(n for n in sides[1] if warns(n, "waiting_heal")).ctl("cluster", "heal")
    assert answer.code == 0, answer
    net.agree(nodes)
    for side, other in sides, reversed(sides):
        watch.told_within(HEAL_S, begun, "node_running", side, other)
    for node in nodes:
        assert len(watch.events(node, "partition_healed")) == 1
    assert watch.stops() == []
    assert not any(warns(n, "waiting_heal") for n in nodes)


def test_autoclean_only_where_there_is_quorum(net):
    """The larger side cleans the smaller one, once; that one cleans nobody, and comes back by itself, as new members."""
    nodes = formed(net.static(5, cluster__autoclean="10s"))
    names = {n.name for n in nodes}
    ids = {n.name: n.me()["member_id"] for n in nodes}
    watch = Watch(nodes)
    sides, _ = split_in_two(net, nodes, 3)
    large, small = sides
    net.agree(large, timeout=AUTOCLEAN_S + 15)
    hold(AUTOCLEAN_S / 2, nothing(lambda: [e for n in small for e in watch.events(n, "node_cleaned")]))
    net.agree(small, stopped=large)
    for node in large:
        assert sorted(e.node for e in watch.events(node, "node_cleaned")) == sorted(n.name for n in small)

    net.heal()
    net.agree(nodes, timeout=60)
    for node in large:
        assert node.me()["member_id"] == ids[node.name]
        assert len(watch.events(node, "node_cleaned")) == len(small)
    for node in small:
        assert node.me()["member_id"] != ids[node.name]
        assert names == set(node.members())


def test_autoclean_of_a_dead_node_happens_once(net):
    nodes = formed(net.static(3, cluster__autoclean="10s"))
    *others, dead = nodes
    watch = Watch(others)
    dead.kill()
    net.agree(others, stopped=[dead])
    net.agree(others, timeout=AUTOCLEAN_S + 15)
    stopped = min(e.time_ms for n in others for e in watch.events(n, "node_stopped"))
    cleaned = min(e.time_ms for n in others for e in watch.events(n, "node_cleaned"))
    assert cleaned - stopped > (AUTOCLEAN_S - 1) * 1000
    hold(3, lambda: all([e.node for e in watch.events(n, "node_cleaned")] == [dead.name] for n in others))


def test_halves_never_clean_each_other(net):
    nodes = formed(net.static(2, cluster__autoclean="10s"))
    watch = Watch(nodes)
    (one, other), _ = split_in_two(net, nodes, 1)
    hold(AUTOCLEAN_S + 4, nothing(lambda: [e for n in nodes for e in watch.events(n, "node_cleaned", "node_removed")]))
    end = net.heal()
    net.agree(nodes)
    watch.told_within(QUIET_HEAL_S, end, "node_running", one, other)
    watch.told_within(QUIET_HEAL_S, end, "node_running", other, one)


def storm(net, nodes, rounds, rng, act):
    """A minority is hit and comes back, again and again, in the middle of what the last round left behind."""
    for _ in range(rounds):
        victims = rng.sample(nodes, rng.randint(1, (len(nodes) - 1) // 2))
        for victim in victims:
            act(victim)
        for victim in victims:
            if not victim.running:
                victim.spawn()
        if rng.random() < 0.5:
            net.agree(nodes, timeout=60)


def kill_membership(node):
    if membership := node.membership:
        membership.kill()


@pytest.mark.parametrize("rounds", [8, pytest.param(60, marks=LONG)])
@pytest.mark.parametrize("act", [lambda n: n.kill(), kill_membership], ids=["node", "membership"])
def test_storm_of_crashes(net, rounds, act):
    nodes = formed(net.static(7, supervisor__restart_max="1s"))
    ids = {n.name: n.me()["member_id"] for n in nodes}
    storm(net, nodes, rounds, random.Random(rounds), act)
    net.agree(nodes, timeout=60)
    for node in nodes:
        node.wait_ready()
        assert node.me()["member_id"] == ids[node.name]
    assert len({n.status()["cluster_id"] for n in nodes}) == 1
    watch = Watch(formed(nodes))  # what the last crash still has to tell is told
    hold(2, nothing(watch.stops))


def test_restart_during_a_storm_of_splits(net):
    """Splits that change their sides faster than they heal, with restarts between: in the end all are one."""
    nodes = formed(net.static(6))
    rng = random.Random(7)
    for _ in range(4):
        shuffled = rng.sample(nodes, len(nodes))
        net.heal()
        split_in_two(net, shuffled, rng.randint(1, 5))
        shuffled[0].kill()
        shuffled[0].spawn()
    net.heal()
    net.agree(nodes, timeout=60)
    assert all(wait_for(lambda n=n: quorum(n), 10, "quorum") for n in nodes)
    assert len({n.status()["cluster_id"] for n in nodes}) == 1


def test_orderly_restart_beside_a_cut_link_stops_only_itself(net):
    nodes = formed(net.static(5))
    a, b, restarted, *others = nodes
    watch = Watch([a, b, *others])
    net.cut(a, b)
    assert restarted.stop() == 0
    net.agree([a, b, *others], stopped=[restarted])
    restarted.start()
    net.agree(nodes)
    assert {e[1] for e in watch.stops()} == {restarted.name}
