"""Whole nodes that find each other by each strategy, against real servers; what happens to them when those fail."""

import subprocess
import time

import pytest

from cluster import wait_for
from dns_servers import Dnsmasq, Faulty, Knot, answer
from etcd_server import PASSWORD, USER, Etcd, Pki
from k8s_server import Account, ApiServer

HOSTS = [f"127.0.1.{i}" for i in range(1, 5)]
STOP_KINDS = {"node_stopped", "node_down", "node_left", "partition_detected"}


def nodes_of(cluster, hosts, strategy, **conf):
    return [cluster.node(f"emqx@{host}", cluster__discovery_strategy=strategy, **conf) for host in hosts]


def start(cluster, nodes, timeout=30):
    for node in nodes:
        node.spawn()
    cluster.agree(nodes, timeout=timeout)


def disturbed(nodes, since):
    return [(node.name, kind) for node, n in zip(nodes, since) for kind, _ in node.event_kinds(n) if kind in STOP_KINDS]


def worker_row(node, name):
    return next(row for row in node.ctl("workers", "--json").json() if row["name"] == name)


@pytest.mark.parametrize("server", [Dnsmasq, Knot])
@pytest.mark.parametrize("kind", ["a", "srv"])
def test_dns(cluster, tmp_path, server, kind):
    with server(tmp_path / "dns") as dns:
        if kind == "a":
            name, hosts = "nodes.cluster.test", HOSTS[:3]
            dns.start([(name, "A", 5, host) for host in hosts])
            nodes = nodes_of(cluster, hosts, "dns", cluster__dns__name=name, cluster__dns__record_type="a",
                             cluster__dns__servers=dns.address)
        else:
            name, targets = "_emqx._tcp.cluster.test", [f"s{i}.cluster.test" for i in (1, 2, 3)]
            dns.start([(name, "SRV", 5, f"10 10 {4400 + i} {t}.") for i, t in enumerate(targets)] +
                      [(t, "A", 5, host) for t, host in zip(targets, HOSTS)])
            nodes = [cluster.node(f"emqx@{t}", cluster__discovery_strategy="dns", cluster__dns__name=name,
                                  cluster__dns__record_type="srv", cluster__dns__servers=dns.address,
                                  node__bind_address=host, node__dist_port=4400 + i)
                     for i, (t, host) in enumerate(zip(targets, HOSTS))]
            for node in nodes:
                node.conf["node.advertise"] = f"{node.conf['node.bind_address']}:{node.conf['node.dist_port']}"
        start(cluster, nodes)
        assert worker_row(nodes[0], "dns")["last_error"] in (None, "")


@pytest.mark.ipv6
def test_dns_aaaa(cluster, tmp_path):
    hosts = [f"fd00:9::{i}" for i in (1, 2, 3)]
    for host in hosts:
        subprocess.run(["ip", "addr", "replace", f"{host}/128", "dev", "lo", "nodad"], check=True)
    with Knot(tmp_path / "dns") as dns:
        dns.start([("nodes.cluster.test", "AAAA", 5, host) for host in hosts])
        start(cluster, nodes_of(cluster, hosts, "dns", cluster__dns__name="nodes.cluster.test",
                                cluster__dns__record_type="aaaa", cluster__dns__servers=dns.address,
                                cluster__proto_dist="inet6_tcp"))


def test_dns_garbage_nothing_right(cluster):
    """Never a stop event, and a newcomer that only the last answer names gets in."""
    with Faulty() as dns:
        dns.reply = lambda query: answer(query, HOSTS[:2])
        conf = {"cluster__dns__name": "nodes.cluster.test", "cluster__dns__record_type": "a",
                "cluster__dns__servers": dns.address}
        nodes = nodes_of(cluster, HOSTS[:2], "dns", **conf)
        start(cluster, nodes)
        since = cluster.settle(nodes)
        dns.reply = lambda query: query[:2] + b"\x81\x80" + b"\xff" * 50
        wait_for(lambda: worker_row(nodes[0], "dns")["last_error"], 30, "the error is shown")
        dns.reply = lambda query: None
        asked = dns.asked
        wait_for(lambda: dns.asked > asked + 2, 30, "asked in vain")
        dns.reply = lambda query: answer(query, HOSTS[:3])
        third = nodes_of(cluster, HOSTS[2:3], "dns", **conf)
        third[0].spawn()
        cluster.agree(nodes + third, timeout=30)
        assert not disturbed(nodes, since)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


def etcd_conf(etcd, pki=None):
    conf = {"cluster__etcd__server": etcd.url, "cluster__etcd__node_ttl": "5s", "cluster__name": "emqxcl"}
    if pki:
        conf |= {"cluster__etcd__ssl_options__cacertfile": pki["ca.pem"],
                 "cluster__etcd__ssl_options__certfile": pki["client.pem"],
                 "cluster__etcd__ssl_options__keyfile": pki["client.key"],
                 "cluster__etcd__username": USER, "cluster__etcd__password": PASSWORD.replace("\\", "").replace('"', "")}
    return conf


@pytest.mark.parametrize("outage_s", [4, pytest.param(120, marks=pytest.mark.long)])
def test_etcd(cluster, tmp_path, pki, outage_s):
    """Formed by etcd with TLS and a user; etcd away, back with an empty store: nobody notices but the worker."""
    with Etcd(tmp_path / "etcd", pki, client_certificates=True) as etcd:
        etcd.start().add_user(password=PASSWORD.replace("\\", "").replace('"', ""))
        conf = etcd_conf(etcd, pki)
        nodes = nodes_of(cluster, HOSTS[:3], "etcd", **conf)
        start(cluster, nodes)
        expected = {f"/emqxcl/emqxcl/nodes/{node.name}": node.name for node in nodes}
        wait_for(lambda: etcd.tree("/emqxcl/") == expected, 10, "the documented tree")
        row = worker_row(nodes[0], "etcd")
        assert row["last_error"] in (None, "") and row["last_sync"]
        since = cluster.settle(nodes)
        etcd.kill()
        etcd.forget()
        wait_for(lambda: worker_row(nodes[0], "etcd")["last_error"], 10, "the error is shown")
        until = time.monotonic() + outage_s
        wait_for(lambda: time.monotonic() > until, outage_s + 5, "the outage is over")
        etcd.start().add_user(password=PASSWORD.replace("\\", "").replace('"', ""))
        wait_for(lambda: etcd.tree("/emqxcl/") == expected, 5, "registered again")
        fourth = nodes_of(cluster, HOSTS[3:4], "etcd", **conf)
        fourth[0].spawn()
        cluster.agree(nodes + fourth)
        assert not disturbed(nodes, since)


def test_etcd_keys_go(cluster, tmp_path):
    """Within node_ttl of a kill -9, and at once on a clean stop."""
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.start()
        nodes = nodes_of(cluster, HOSTS[:3], "etcd", **etcd_conf(etcd))
        start(cluster, nodes)
        wait_for(lambda: len(etcd.tree("/emqxcl/")) == 3, 10, "all registered")
        assert nodes[2].stop() == 0
        assert len(etcd.tree("/emqxcl/")) == 2
        nodes[1].kill()
        wait_for(lambda: len(etcd.tree("/emqxcl/")) == 1, 5, "the killed one's key is gone")


def test_static_and_etcd(cluster, tmp_path):
    """Two strategies at once: one node is known by the list, the other by etcd."""
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.start()
        first, second = nodes_of(cluster, HOSTS[:2], "etcd", **etcd_conf(etcd))
        both = cluster.node("emqx@127.0.1.3", cluster__discovery_strategy="[static, etcd]",
                            cluster__static__seeds="[emqx@127.0.1.4]", **etcd_conf(etcd))
        listed = cluster.node("emqx@127.0.1.4", cluster__discovery_strategy="static", cluster__name="emqxcl",
                              cluster__static__seeds="[emqx@127.0.1.4]")
        start(cluster, [first, second, both, listed])
        assert {row["name"] for row in both.ctl("workers", "--json").json()} >= {"static", "etcd"}


@pytest.fixture
def pod(tmp_path):
    """A service account where pods have theirs, for every process in this namespace."""
    account = Account(tmp_path / "account", "good")
    path = "/run/secrets/kubernetes.io/serviceaccount"
    subprocess.run(["sh", "-c", f"mount -t tmpfs run /run && mkdir -p {path} && mount --bind {account.folder} {path}"],
                   check=True)
    yield account
    subprocess.run(["umount", path], check=True)
    subprocess.run(["umount", "/run"], check=True)


@pytest.mark.parametrize("version", ["v1.36", "v1.20"])
def test_k8s(cluster, pod, version):
    with ApiServer(version) as api:
        api.set_service("emqx", HOSTS[:2])
        conf = {"cluster__k8s__apiserver": api.url, "cluster__k8s__service_name": "emqx",
                "cluster__k8s__address_type": "ip", "cluster__k8s__namespace": "default"}
        nodes = nodes_of(cluster, HOSTS[:2], "k8s", **conf)
        start(cluster, nodes)
        since = cluster.settle(nodes)
        api.kill()
        wait_for(lambda: worker_row(nodes[0], "k8s")["last_error"], 10, "the error is shown")
        api.start()
        api.set_service("emqx", HOSTS[:3])
        third = nodes_of(cluster, HOSTS[2:3], "k8s", **conf)
        third[0].spawn()
        cluster.agree(nodes + third, timeout=30)
        assert not disturbed(nodes, since)
