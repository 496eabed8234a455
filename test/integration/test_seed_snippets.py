"""The seed page's snippets, as they stand in the fixtures, form clusters with nothing changed but host names."""

import pathlib

import pytest

from etcd_server import Etcd
from k8s_server import ApiServer
from test_discovery_cluster import HOSTS, pod, start  # noqa: F401 (a fixture)

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "conf"


def nodes_with(cluster, names, fixture, hosts):
    """Nodes whose conf.d holds the snippet; their own file has only what the harness needs."""
    text = (FIXTURES / fixture).read_text()
    for old, new in hosts.items():
        assert old in text
        text = text.replace(old, new)
    nodes = [cluster.node(name) for name in names]
    for node in nodes:
        (node.dir / "conf.d").mkdir()
        (node.dir / "conf.d" / "seed.conf").write_text(text)
    return nodes


def test_static(cluster):
    names = [f"emqx@{host}" for host in HOSTS[:2]]
    start(cluster, nodes_with(cluster, names, "seed-static.conf",
                              {"emqx@s1.emqx.io": names[0], "emqx@s2.emqx.io": names[1]}))


def test_dns(cluster):
    """`localhost`: the page's name finds this host alone; the node is content with that."""
    nodes = nodes_with(cluster, ["emqx@127.0.0.1"], "seed-dns.conf", {})
    start(cluster, nodes)


def test_etcd(cluster, tmp_path):
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.start()
        start(cluster, nodes_with(cluster, [f"emqx@{host}" for host in HOSTS[:3]], "seed-etcd.conf",
                                  {"http://127.0.0.1:2379": etcd.url}))


@pytest.mark.usefixtures("pod")
def test_k8s(cluster):
    with ApiServer("v1.36") as api:
        api.set_service("emqx", HOSTS[:3])
        start(cluster, nodes_with(cluster, [f"emqx@{host}" for host in HOSTS[:3]], "seed-k8s.conf",
                                  {"http://10.110.111.204:8080": api.url}))
