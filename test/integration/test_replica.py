"""Replicas: leaves on up to three cores, no paths, no votes; moved over when a core goes."""

import ctypes

import pytest

from cluster import Unequal, wait_for
from net import DETECT_S, Watch, hold, nothing, quorum

CORES_WANTED = 3


def cores_and_replicas(net, n_cores, n_replicas):
    """They find each other by one list of the cores."""
    seeds = "[" + ", ".join(net.name(i) for i in range(1, n_cores + 1)) + "]"
    nodes = [net.node(i, cluster__discovery_strategy="static", cluster__static__seeds=seeds,
                      node__role="core" if i <= n_cores else "replica")
             for i in range(1, n_cores + n_replicas + 1)]
    for node in nodes:
        node.spawn()
    net.agree(nodes, timeout=60)
    cores, replicas = nodes[:n_cores], nodes[n_cores:]
    for node in nodes:
        wait_for(lambda node=node: node.status()["voters"] == n_cores, 30, f"{node.name} counts the cores alone")
    wait_links(replicas, cores)
    return cores, replicas


def live_links(node):
    return sorted(link["to"] for link in node.ctl("links", "--json").json()
                  if link["from"] == node.name and link["state"] == "live")


def wait_links(replicas, cores):
    """Each replica is on min(3, cores) of these cores, and on nobody else."""
    names, wanted = {core.name for core in cores}, min(CORES_WANTED, len(cores))

    def attached(replica):
        links = live_links(replica)
        return (len(links) == wanted and set(links) <= names) or Unequal(replica.ctl("links").out)

    for replica in replicas:
        wait_for(lambda replica=replica: attached(replica), 40, f"{replica.name} is on {wanted} cores")


@pytest.mark.parametrize("n_cores", [1, 2, pytest.param(5, marks=pytest.mark.long)])
def test_on_up_to_three_cores(net, n_cores):
    cores, replicas = cores_and_replicas(net, n_cores, 3)
    assert all(node.members()[r.name]["role"] == "replica" for node in cores + replicas for r in replicas)


def hash64(data, seed):
    xxhash = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
    xxhash.restype = ctypes.c_uint64
    return xxhash(data, ctypes.c_size_t(len(data)), ctypes.c_uint64(seed))


def heaviest(replica, cores):
    """Those that rendezvous hashing gives it: any core is as likely as another, whatever other replicas have."""
    def weight(core):
        return hash64(bytes.fromhex(core.me()["member_id"]), hash64(bytes.fromhex(replica.me()["member_id"]), 1))

    return sorted(core.name for core in sorted(cores, key=weight)[-CORES_WANTED:])


@pytest.mark.long
def test_spread_over_the_cores(net):
    cores, replicas = cores_and_replicas(net, 5, 8)
    for replica in replicas:
        chosen = heaviest(replica, cores)
        wait_for(lambda replica=replica, chosen=chosen: live_links(replica) == chosen or Unequal(live_links(replica)), 40,
                 f"{replica.name} is on {chosen}")
    on = [name for replica in replicas for name in live_links(replica)]
    print({core.name: on.count(core.name) for core in cores})


def test_moves_over_when_its_cores_go(net):
    """One after the other, down to a core that it wasn't on: nobody ever shows the replica stopped."""
    cores, (replica,) = cores_and_replicas(net, 5, 1)
    first = live_links(replica)
    victims = [core for core in cores if core.name in first][:2]
    rest = [core for core in cores if core not in victims]
    watch = Watch([*rest, replica])
    left = list(cores)
    for victim in victims:
        victim.kill()
        left.remove(victim)
        net.agree([*left, replica], stopped=[v for v in victims if v not in left])
        wait_links([replica], left)
    assert watch.stops(of=[*rest, replica]) == []


def test_no_path_leads_through_it(net):
    """Two cores that are cut from each other are split, although a replica reaches both; it sees both."""
    (a, b), (replica,) = cores_and_replicas(net, 2, 1)
    watch = Watch([a, b, replica])
    cut = net.cut(a, b)
    for one, other in (a, b), (b, a):
        wait_for(lambda one=one, other=other: other.name in one.view()[1], 10, f"{one.name} shows {other.name} stopped")
        watch.told_within(DETECT_S, cut, "node_stopped", [one], [other])
    hold(3, nothing(lambda: watch.stops([replica])))
    assert watch.stops([a, b], of=[replica]) == []

    net.heal()
    net.agree([a, b, replica])


def test_has_no_vote(net):
    """Three of five run, but only one of two cores."""
    (core, lost), replicas = cores_and_replicas(net, 2, 3)
    nodes = [core, *replicas]
    assert all(quorum(n) for n in nodes)
    lost.kill()
    net.agree(nodes, stopped=[lost])
    for node in nodes:
        wait_for(lambda node=node: quorum(node) is False, 5, f"{node.name} has no quorum")
    lost.start()
    net.agree([*nodes, lost])
    for node in nodes:
        wait_for(lambda node=node: quorum(node), 5, f"{node.name} has quorum")


def test_loss_of_replicas_costs_no_quorum(net):
    cores, replicas = cores_and_replicas(net, 2, 3)
    for replica in replicas:
        replica.kill()
    net.agree(cores, stopped=replicas)
    assert all(quorum(n) for n in cores)


def test_joins_by_hand_are_refused(net):
    cores, (replica,) = cores_and_replicas(net, 1, 1)
    single = net.node(9).start()
    for joiner, to in (single, replica), (replica, single):
        before = joiner.status()["member_id"]
        refused = joiner.ctl("cluster", "join", to.name)
        assert refused.code == 1, refused
        assert refused.first_line == f"Failed to join the cluster: {{cannot_join_to_replicant,'{replica.name}'}}", refused
        assert joiner.status()["member_id"] == before
    net.agree([*cores, replica])
    net.agree([single])
