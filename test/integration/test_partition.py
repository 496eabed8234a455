"""Real nodes on a network that splits: who is shown stopped, by whom, how soon, and how it heals."""

import time

import pytest

from cluster import wait_for
from net import DETECT_S, HEAL_S, QUIET_HEAL_S, Watch, formed, hold, nothing, quorum

QUIET_S = 3  # after a heal

def sides_agree(sides):
    for side in sides:
        side[0].cluster.agree(side, stopped=[n for other in sides if other is not side for n in other])


def others(side, sides):
    return [n for other in sides if other is not side for n in other]


def check_split(watch, cut, sides):
    """Each side showed the other stopped, once, in time; nobody showed one of its own side stopped."""
    for side in sides:
        watch.told_within(DETECT_S, cut, "node_stopped", side, others(side, sides))
        assert watch.stops(side, of=side) == []


def check_healed(watch, end, sides, within):
    """Back in time; and each node was told once which side it was on."""
    for side in sides:
        watch.told_within(within, end, "node_running", side, others(side, sides))


def side_told(node, watch):
    """What partition_healed said, by node: [(side, had, met)]."""
    return [tuple(word.split("=")[1] for word in e.text.split()) for e in watch.events(node, "partition_healed")]


def split_and_heal(net, sides, hold_s, within=HEAL_S, meanwhile=lambda: None):
    nodes = [n for side in sides for n in side]
    watch = Watch(nodes)
    cut = net.split(*sides)
    sides_agree(sides)
    check_split(watch, cut, sides)
    meanwhile()
    stops = watch.stops()
    hold(hold_s, lambda: watch.stops() == stops, since=cut)
    sides_agree(sides)

    end = net.heal()
    net.agree(nodes)
    check_healed(watch, end, sides, within)
    hold(QUIET_S, lambda: watch.stops() == stops)
    return watch


def set_tags(sides):
    """Each node writes while the network is split."""
    for i, side in enumerate(sides):
        for node in side:
            answer = node.ctl("tag", "set", f"side={i}", f"of={node.name}")
            assert answer.code == 0, answer
    for side in sides:
        for node in side:
            wait_for(lambda side=side, node=node: tags_known(node, side), 5, f"{node.name} knows its side's tags")
            assert not any(tags_known(node, [other]) for other in others(side, sides))


def tags_known(node, nodes):
    members = node.members()
    return all(members[n.name]["tags"].get("of") == n.name for n in nodes)


def split_with_writes(net, sides, hold_s, quora, within=HEAL_S):
    """Also: who has quorum meanwhile, by side; and what either side wrote is everywhere in the end."""
    nodes = [n for side in sides for n in side]

    def meanwhile():
        assert [{quorum(n) for n in side} for side in sides] == [{had} for had in quora]
        set_tags(sides)

    watch = split_and_heal(net, sides, hold_s, within, meanwhile)
    for node in nodes:
        wait_for(lambda node=node: tags_known(node, nodes), 5, f"{node.name} knows everybody's tags")
    assert all(quorum(n) for n in nodes)
    return watch


def test_three_and_two_for_twenty_seconds(net):
    nodes = formed(net.static(5))
    sides = nodes[:3], nodes[3:]
    watch = split_with_writes(net, sides, 20, [True, False])
    told = [[side_told(n, watch) for n in side] for side in sides]
    assert told == [[[("majority", "3", "2")]] * 3, [[("minority", "2", "3")]] * 2]


@pytest.mark.parametrize("hold_s", [4, pytest.param(20, marks=pytest.mark.long)])
def test_two_and_two(net, hold_s):
    """In a tie nobody has quorum; n1, the oldest, is told that its side was the majority."""
    nodes = formed(net.manual(4))
    sides = nodes[:2], nodes[2:]
    watch = split_with_writes(net, sides, hold_s, [False, False])
    told = [[side_told(n, watch) for n in side] for side in sides]
    assert told == [[[("majority", "2", "2")]] * 2, [[("minority", "2", "2")]] * 2]


@pytest.mark.parametrize("hold_s", [4, pytest.param(20, marks=pytest.mark.long)])
def test_one_and_one(net, hold_s):
    nodes = formed(net.manual(2))
    sides = [nodes[0]], [nodes[1]]
    watch = split_with_writes(net, sides, hold_s, [False, False], QUIET_HEAL_S)
    assert [side_told(n, watch) for n in nodes] == [[("majority", "1", "1")], [("minority", "1", "1")]]


@pytest.mark.parametrize("rounds", [2, pytest.param(10, marks=pytest.mark.long)])
def test_ten_and_two(net, rounds):
    nodes = net.static(12)
    repeat_split(net, nodes, 10, rounds)


@pytest.mark.long
def test_twenty_seven_and_three(net):
    nodes = net.static(30)
    repeat_split(net, nodes, 27, 10)


def repeat_split(net, nodes, n_large, rounds):
    """A different small side each time."""
    for i in range(rounds):
        formed(nodes)
        turned = nodes[i * (len(nodes) - n_large) % len(nodes):] + nodes[:i * (len(nodes) - n_large) % len(nodes)]
        sides = turned[:n_large], turned[n_large:]
        watch = split_and_heal(net, sides, 5)
        for node in sides[0]:
            assert [told[0] for told in side_told(node, watch)] == ["majority"]
        for node in sides[1]:
            assert [told[0] for told in side_told(node, watch)] == ["minority"]


def test_everything_dropped_for_a_second(net):
    nodes = formed(net.static(10))
    watch = Watch(nodes)
    net.split(*([n] for n in nodes), seconds=1)
    hold(6, nothing(watch.changes))
    assert net.dropped() > 0


def test_restart_of_everybody_during_a_split(net):
    nodes = formed(net.static(5))
    sides = nodes[:3], nodes[3:]
    net.split(*sides)
    sides_agree(sides)

    for node in nodes:
        node.kill()
    for node in nodes:
        node.spawn()
    sides_agree(sides)
    for node in nodes:
        node.wait_ready()
    assert [quorum(n) for n in nodes] == [True] * 3 + [False] * 2

    watch = Watch(nodes)
    end = net.heal()
    net.agree(nodes)
    check_healed(watch, end, sides, HEAL_S)
    assert watch.stops() == []


def test_restarts_of_single_processes_during_a_split(net):
    """A membership that crashes on either side: its side sees a restart. A supervisor: its node alone goes and comes."""
    nodes = formed(net.static(7))
    sides = nodes[:4], nodes[4:]
    net.split(*sides)
    sides_agree(sides)
    watch, begun = Watch(nodes), {}

    for victim, _, *bystanders in sides:
        membership = victim.membership
        begun[victim] = time.time()
        membership.kill()
        wait_for(lambda: (m := victim.membership) and m.pid != membership.pid, 10, "a new membership")
        victim.wait_ready()
        watch.told_as_restarted(victim, begun[victim], bystanders)
    sides_agree(sides)
    bystanders = [n for side in sides for n in side[2:]]
    stops = watch.stops(bystanders)
    assert {stop[1] for stop in stops} <= {victim.name for victim in begun}

    victims = [side[1] for side in sides]
    for victim in victims:
        victim.kill_supervisor()
        victim.start()
    sides_agree(sides)
    net.heal()
    net.agree(nodes)
    assert {stop[1] for stop in watch.stops(bystanders) if stop not in stops} <= {v.name for v in victims}
