"""Discovery by a static list: whatever the order and however partial the lists, one cluster."""

import random
import time

import pytest

import machine
from cluster import wait_for

START_WITHIN_S = 2


def partial_lists(names, rng):
    """A different list for each, none complete, whose union is connected (a random tree, each edge on one side)."""
    lists = {name: {name} for name in names}
    for i in range(1, len(names)):
        ends = [names[i], names[rng.randrange(i)]]
        rng.shuffle(ends)
        lists[ends[0]].add(ends[1])
    return lists


def form(cluster, n, seed):
    rng = random.Random(seed)
    names = [f"n{i}@127.0.1.{i}" for i in range(1, n + 1)]
    lists = partial_lists(rng.sample(names, n), rng)
    nodes = [cluster.node(name, cluster__discovery_strategy="static",
                          cluster__static__seeds="[" + ", ".join(sorted(lists[name])) + "]") for name in names]
    begun = time.time()
    for node in rng.sample(nodes, n):
        node.spawn()
    machine.kept(START_WITHIN_S, begun, time.time(), "all are started")
    cluster.agree(nodes, timeout=60)
    assert len({node.status()["cluster_id"] for node in nodes}) == 1
    return nodes


def test_three_form_a_cluster(cluster):
    form(cluster, 3, seed=1)


@pytest.mark.parametrize("seed", range(20))
def test_seven_form_a_cluster_every_time(cluster, seed):
    form(cluster, 7, seed)


def test_thirty_form_a_cluster(cluster):
    form(cluster, 30, seed=1)


def test_latecomer_is_taken_in(cluster):
    nodes = cluster.static(3)
    late = cluster.node(4, cluster__discovery_strategy="static", cluster__static__seeds="[n2@127.0.1.2]").start()
    cluster.agree([*nodes, late])


def test_seed_that_comes_late_merges_two_clusters(cluster):
    """n1 and n3 know only n2, which isn't there yet."""
    def node(i, seeds):
        return cluster.node(i, cluster__discovery_strategy="static", cluster__static__seeds=seeds)

    n1, n3 = node(1, "[n2@127.0.1.2]").start(), node(3, "[n2@127.0.1.2]").start()
    assert n1.view() == ([n1.name], [])
    n2 = node(2, "[n2@127.0.1.2]").start()
    cluster.agree([n1, n2, n3])


def test_other_cluster_name_stays_out(cluster):
    nodes = cluster.static(2)
    other = cluster.node(3, cluster__name="othercl", cluster__discovery_strategy="static",
                         cluster__static__seeds="[n1@127.0.1.1]").start()
    nodes[0].wait_log("cookie or cluster name")
    wait_for(lambda: "cookie or cluster name" in other.ctl("status").out, 10, "the reason is told on the other, too")
    assert other.view() == ([other.name], [])
    cluster.agree(nodes)
