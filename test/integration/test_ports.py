"""Which ports a node listens on, and both families of addresses."""

import pytest

from cluster import wait_for


def listening(cluster):
    """{(address, port)} of all listening TCP sockets in this network namespace."""
    found = set()
    for table, width in ("tcp", 8), ("tcp6", 32):
        for line in open(f"/proc/net/{table}").readlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A":
                found.add((local[:width], int(local[width + 1:], 16)))
    return {port for _, port in found}


def pair(cluster, host, **conf):
    nodes = [cluster.node(f"emqx{i}@{host}", **conf).start() for i in (1, 2)]
    assert nodes[1].ctl("cluster", "join", nodes[0].name).code == 0
    cluster.agree(nodes)
    return nodes


def test_two_nodes_on_one_address(cluster):
    nodes = pair(cluster, "127.0.0.1")
    members = nodes[0].members()
    for i, node in enumerate(nodes, 1):
        assert members[node.name]["dist_port"] == 4370 + i
        assert members[node.name]["rpc_port"] == 5370 + i
    assert {4371, 4372, 5371, 5372} <= listening(cluster)


@pytest.mark.ipv6
def test_ipv6(cluster):
    nodes = pair(cluster, "::1", cluster__proto_dist="inet6_tcp")
    nodes[1].kill()
    cluster.agree(nodes[:1], stopped=nodes[1:])
    nodes[1].start()
    cluster.agree(nodes)


def test_manual_rpc_port(cluster):
    n1, n2 = (cluster.node(i, rpc__port_discovery="manual").start() for i in (1, 2))
    assert n2.ctl("cluster", "join", n1.name).code == 0
    cluster.agree([n1, n2])
    assert {m["rpc_port"] for m in n1.members().values()} == {5369}
    assert 5369 in listening(cluster)


def test_seed_with_a_port(cluster):
    n1, n2 = (cluster.node(i, node__dist_port=4400 + i, cluster__discovery_strategy="static",
                           cluster__static__seeds=f"[n{3 - i}@127.0.1.{3 - i}:440{3 - i}]").start() for i in (1, 2))
    cluster.agree([n1, n2])


def test_join_with_a_port(cluster):
    n1, n2 = (cluster.node(i, node__dist_port=4400 + i).start() for i in (1, 2))
    assert n2.ctl("cluster", "join", n1.name + ":4401").code == 0
    cluster.agree([n1, n2])


def test_bound_to_one_address_only(cluster):
    n1 = cluster.node(1).start()
    addresses = {line.split()[1].split(":")[0] for line in open("/proc/net/tcp").readlines()[1:]
                 if line.split()[3] == "0A"}
    assert addresses == {"0101007F"}, n1.log()  # 127.0.1.1, little-endian


def test_port_in_use_is_told(cluster):
    cluster.node("emqx1@127.0.0.1").start()
    second = cluster.node("other1@127.0.0.1").spawn()
    wait_for(lambda: second.popen.poll() is not None, 20, "it gives up")
    assert second.popen.returncode == 1
    assert "4371" in second.log()


@pytest.mark.parametrize(("name", "dist", "rpc"), [
    ("emqx@127.0.3.1", 4370, 5370),
    ("emqx-12@127.0.3.2", 4382, 5382),
    ("emqx60001@127.0.3.3", 4371, 5371),
])
def test_port_by_name(cluster, name, dist, rpc):
    me = cluster.node(name).start().me()
    assert (me["dist_port"], me["rpc_port"]) == (dist, rpc)
