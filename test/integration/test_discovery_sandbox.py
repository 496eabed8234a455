"""What a worker that was taken over can do: tried from inside by a build of it with a probe, which then works on."""

import socket

import pytest

from dns_servers import Dnsmasq
from etcd_server import Etcd
from k8s_server import Account, ApiServer
from worker_driver import Worker


@pytest.fixture
def targets(tmp_path):
    """A secret, a data directory, a control socket and a distribution port, all open to this user."""
    (tmp_path / "secret").write_text("cookie")
    (tmp_path / "data").mkdir()
    control = socket.socket(socket.AF_UNIX)
    control.bind(str(tmp_path / "control"))
    control.listen()
    dist = socket.create_server(("127.0.0.1", 0))
    with control, dist:
        yield [str(tmp_path / "secret"), str(tmp_path / "data"), str(tmp_path / "control"), str(dist.getsockname()[1])]


def results(w):
    """{where: {probe: (kind, result)}}"""
    out = {"outside": {}, "inside": {}}
    for line in w.log.splitlines():
        if line.startswith("probe|"):
            _, where, name, kind, result = line.split("|")
            out[where][name] = kind, result
    return out


def prove(w):
    out = results(w)
    assert len(out["outside"]) == len(out["inside"]) >= 15
    tried = {name: result for name, (kind, result) in out["outside"].items() if kind == "plain"}
    assert set(tried.values()) == {"succeeded"}, tried
    allowed = {name for name, (_, result) in out["inside"].items() if result == "succeeded"}
    assert not allowed


@pytest.fixture
def run(build, sanitized, tmp_path, targets):
    if sanitized:
        pytest.skip("a sanitizer's build has no sandbox")

    def start(strategy, section, node="emqx@127.0.9.1", launcher=()):
        return Worker(build, strategy, section, node=node, log=tmp_path / "log", launcher=launcher,
                      program=[build / "probe_worker", strategy, *targets])
    return start


def test_static(run):
    with run("static", {"cluster.static.seeds": "emqx@127.0.9.1,emqx@127.0.9.2"}) as w:
        w.wait_names(["emqx@127.0.9.2"])
        prove(w)
        assert w.reload(cluster__static__seeds="emqx@127.0.9.3")[0]
        w.wait_names(["emqx@127.0.9.3"])


def test_dns(run, tmp_path):
    with Dnsmasq(tmp_path / "dns") as server:
        hosts = [f"127.0.8.{i}" for i in range(1, 101)]  # so many that TCP is needed
        server.start([("nodes.cluster.test", "A", 5, host) for host in hosts])
        with run("dns", {"cluster.dns.name": "nodes.cluster.test", "cluster.dns.record_type": "a",
                         "cluster.dns.servers": server.address}) as w:
            w.wait_names([f"emqx@{host}" for host in hosts])
            prove(w)


def test_etcd(run, tmp_path):
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.start()
        with run("etcd", {"cluster.etcd.server": etcd.url, "cluster.etcd.prefix": "emqxcl",
                          "cluster.etcd.node_ttl": "5s"}) as w:
            w.wait_health(True)
            prove(w)
            assert w.stop() == 0
            assert etcd.tree() == {}


def test_k8s(run, tmp_path):
    account = Account(tmp_path / "account", "good")
    with ApiServer() as server:
        server.set_service("mine", ["10.1.0.1"])
        with run("k8s", {"cluster.k8s.apiserver": server.url, "cluster.k8s.service_name": "mine",
                         "cluster.k8s.address_type": "ip", "cluster.k8s.namespace": "default"},
                 launcher=account.launcher) as w:
            w.wait_names(["emqx@10.1.0.1"])
            prove(w)
            account.rotate("newer")
            server.tokens["newer"] = server.tokens.pop("good")
            server.kill()
            server.start()
            w.wait(lambda: any(r[2] == "newer" for r in server.requests), 10, "the new token was read")


def test_reload_to_another_port_restarts(run, tmp_path):
    """A sandbox can't grow: the worker ends, and its next life gets one that fits."""
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.start()
        with run("etcd", {"cluster.etcd.server": etcd.url, "cluster.etcd.prefix": "emqxcl",
                          "cluster.etcd.node_ttl": "5s"}) as w:
            w.wait_health(True)
            assert w.reload(cluster__etcd__server="http://127.0.0.1:1")[0]
            w.wait(lambda: w.process.poll() is not None, 10, "the worker ends")
            assert w.process.returncode == 0
            assert "event=restart_for_reload" in w.log
            assert etcd.tree() == {}
