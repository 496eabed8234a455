"""Replicas: they read from memory and have a core write, whichever of their cores is there."""

import json

import pytest

from cluster import Lines, wait_for
from kv import export, get, load, pairs, put, same_everywhere


@pytest.fixture
def mixed(cluster):
    """Three cores and two replicas."""
    seeds = "[" + ", ".join(cluster.name(i) for i in range(1, 4)) + "]"
    nodes = [cluster.node(i, cluster__discovery_strategy="static", cluster__static__seeds=seeds,
                          node__role="core" if i <= 3 else "replica") for i in range(1, 6)]
    for node in nodes:
        node.spawn()
    cluster.agree(nodes, timeout=60)
    return nodes[:3], nodes[3:]


def test_a_replica_reads_what_cores_write_and_the_other_way_round(mixed):
    cores, replicas = mixed
    load(cores[0], [(f"core/{i}", str(i)) for i in range(200)])
    for i in range(20):
        put(replicas[i % 2], f"replica/{i}", str(i))
    both = same_everywhere(cores + replicas)
    assert len(pairs(both)) == 220
    assert replicas[0].members()[replicas[0].name]["role"] == "replica"

    version = get(replicas[0], "core/7")["version"]
    put(replicas[0], "core/7", "changed", "--if-version", version)
    wait_for(lambda: get(replicas[1], "core/7")["value"] == "changed", 10, "the other replica has it")
    stale = replicas[1].ctl("kv", "put", "core/7", "again", "--if-version", version)
    assert stale.code == 1 and "changed" in stale.err, stale
    answer = replicas[0].ctl("kv", "delete", "core/8", "--ack", "majority")
    assert answer.code == 0, answer
    wait_for(lambda: get(cores[2], "core/8") is None, 10, "a deletion gets to the cores")
    assert "core/8" not in pairs(same_everywhere(cores + replicas))


def test_a_watch_on_a_replica_tells_of_writes_elsewhere(mixed):
    cores, replicas = mixed
    watch = replicas[0].ctl_open("kv", "watch", "--from", "0", "--prefix", "w/", "--json")
    for i in range(5):
        put((cores + replicas)[i], f"w/{i}", str(i))
    lines = Lines(watch)
    told = [json.loads(lines.next()) for _ in range(5)]
    watch.kill()
    watch.wait()
    assert sorted(t["key"] for t in told) == [f"w/{i}" for i in range(5)]


def test_a_replica_restarts_empty_and_copies(mixed):
    cores, replicas = mixed
    load(cores[0], [(f"k/{i:04}", "x" * 200) for i in range(1000)])
    before = same_everywhere(cores + replicas)
    assert not (replicas[0].data_dir / "kv").exists(), "a replica has no data on disk"
    replicas[0].kill()
    cores[0].cluster.agree(cores + replicas[1:], stopped=replicas[:1])
    put(cores[1], "k/0000", "changed")
    cores[2].ctl("kv", "delete", "k/0001")
    replicas[0].start()
    cores[0].cluster.agree(cores + replicas)
    after = pairs(same_everywhere(cores + replicas))
    assert len(after) == len(pairs(before)) - 1 and after["k/0000"] == "changed"


def test_a_replica_goes_on_with_the_cores_that_are_left(mixed):
    cores, replicas = mixed
    put(replicas[0], "before", "1")
    same_everywhere(cores + replicas)
    for n, core in enumerate(cores[:2]):
        core.kill()
        cores[0].cluster.agree(cores[n + 1:] + replicas, stopped=cores[:n + 1])
        put(replicas[0], f"after/{n}", "1")
        put(replicas[1], f"after/{n}/too", "1")
        # what the core that dies next was the only one to have, replicas would have and the others not: none passes on
        same_everywhere(cores[n + 1:] + replicas)
    assert len(pairs(export(cores[2]))) == 5
    cores[2].kill()
    cores[0].cluster.agree(replicas[:1], stopped=cores + replicas[1:])
    answer = replicas[0].ctl("kv", "put", "none", "1")
    assert answer.code == 1 and "core" in answer.err, answer
    assert len(pairs(export(replicas[0]))) == 5, "it still reads"
    for core in cores:
        core.start()
    cores[0].cluster.agree(cores + replicas, timeout=60)
    put(replicas[0], "back", "1")
    assert len(pairs(same_everywhere(cores + replicas))) == 6
