"""The etcd worker against Debian's etcd: plain, with TLS, with users, killed, frozen, emptied, compacted."""

import os
import signal
import subprocess
import time

import pytest

from cluster import wait_for
from etcd_server import PASSWORD, USER, Etcd, Pki
from worker_driver import Worker

NODES = "/emqxcl/emqxcl/nodes/"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def etcd(tmp_path):
    with Etcd(tmp_path / "etcd") as server:
        yield server.start()


def worker(build, tmp_path, servers, node, **section):
    urls = ",".join(s if isinstance(s, str) else s.url for s in servers)
    values = {"cluster.etcd.server": urls, "cluster.etcd.prefix": "emqxcl", "cluster.etcd.node_ttl": "5s",
              "cluster.etcd.ssl_options.verify": "verify_peer", "cluster.etcd.ssl_options.enable": "false"}
    values.update({"cluster.etcd." + key.replace("__", "."): value for key, value in section.items()})
    return Worker(build, "etcd", values, node=node, log=tmp_path / f"{node}.log")


def registered(etcd, node):
    return lambda: etcd.tree(NODES).get(NODES + node) == node


def lease_of(w):
    return w.health["detail"].partition("lease=")[2].split()[0]


def test_tree_and_candidates(build, tmp_path, etcd):
    """The documented tree; each finds the other; a clean stop takes the key away at once."""
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a, worker(build, tmp_path, [etcd], "emqx@127.0.9.2") as b:
        found = a.wait_names(["emqx@127.0.9.2"])
        b.wait_names(["emqx@127.0.9.1"])
        assert found[0] == ("emqx@127.0.9.2", "127.0.9.2", 0, f"etcd {etcd.url}")
        assert etcd.tree() == {NODES + "emqx@127.0.9.1": "emqx@127.0.9.1", NODES + "emqx@127.0.9.2": "emqx@127.0.9.2"}
        health = a.wait_health(True, "lease=")
        assert health["found_self"] and etcd.url in health["detail"]
        assert b.stop() == 0
        a.wait_names([], timeout=2)
        assert list(etcd.tree()) == [NODES + "emqx@127.0.9.1"]


def test_membership_goes_first(build, tmp_path, etcd):
    """A node that stops ends its membership and its worker at once, in any order: the key goes all the same."""
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(True)
        a.close_report()
        a.wait(lambda: a.process.poll() is not None, 10, "the worker ends")
        assert etcd.tree() == {}


def test_port_beside_the_rule(build, tmp_path, etcd):
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(True)
        etcd.ctl("put", NODES + "emqx@127.0.9.2", "emqx@127.0.9.2:4400")
        etcd.ctl("put", NODES + "emqx@fd00::2", "emqx@[fd00::2]:4401")
        etcd.ctl("put", NODES + "junk", "what is this?")
        a.wait_names(["emqx@127.0.9.2", "emqx@fd00::2"])
        assert [c[1:3] for c in a.candidates] == [("127.0.9.2", 4400), ("fd00::2", 4401)]
        a.wait_health(True, "ignored_values=true")


def test_prefix_isolation(build, tmp_path, etcd):
    etcd.ctl("put", "/emqxcl2/emqxcl/nodes/x@127.0.9.9", "x@127.0.9.9")
    etcd.ctl("put", "/emqxcl/emqxcl2/nodes/y@127.0.9.9", "y@127.0.9.9")
    etcd.ctl("put", "/emqxcl/emqxcl/nodes2/z@127.0.9.9", "z@127.0.9.9")
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_names([])
        etcd.ctl("put", "/emqxcl2/emqxcl/nodes/w@127.0.9.9", "w@127.0.9.9")
        etcd.ctl("put", NODES + "emqx@127.0.9.2", "emqx@127.0.9.2")
        a.wait_names(["emqx@127.0.9.2"])


def test_kill_9(build, tmp_path, etcd):
    """The key is gone within node_ttl, and the other is told."""
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        with worker(build, tmp_path, [etcd], "emqx@127.0.9.2") as b:
            a.wait_names(["emqx@127.0.9.2"])
            b.wait_health(True)
        a.wait_names([], timeout=5)


def test_down_at_our_start(build, tmp_path):
    with Etcd(tmp_path / "etcd") as etcd, worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(False, "Connection refused")
        assert a.candidates is None
        etcd.start()
        wait_for(registered(etcd, "emqx@127.0.9.1"), 5, "registered")
        a.wait_names([])
        a.wait_health(True)


def test_back_with_an_empty_store(build, tmp_path, etcd):
    """The set stays while etcd is away; everyone is registered again within 5 s of its return."""
    nodes = [f"emqx@127.0.9.{i}" for i in (1, 2, 3)]
    workers = [worker(build, tmp_path, [etcd], node) for node in nodes]
    try:
        for w in workers:
            w.wait_names(set(nodes) - {w.node})
        etcd.kill()
        etcd.forget()
        for w in workers:
            w.wait_health(False)
            assert len(w.candidates) == 2
        sets = [w.sets for w in workers]
        until = time.monotonic() + 4
        while time.monotonic() < until:
            for w in workers:
                w.turn(0.05)
        assert [w.sets for w in workers] == sets
        etcd.start()
        wait_for(lambda: [w.turn(0.01) for w in workers] and len(etcd.tree(NODES)) == 3, 5, "registered again")
        for w in workers:
            w.wait_names(set(nodes) - {w.node})
            w.wait_health(True)
        with worker(build, tmp_path, [etcd], "emqx@127.0.9.4") as fourth:
            fourth.wait_names(nodes)
    finally:
        for w in workers:
            w.__exit__()


def test_restarted_with_its_store(build, tmp_path, etcd):
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(True)
        lease = lease_of(a)
        etcd.kill()
        a.wait_health(False)
        etcd.start()
        a.wait_health(True)
        assert lease_of(a) == lease
        wait_for(registered(etcd, "emqx@127.0.9.1"), 10, "registered")


def test_lease_revoked_by_somebody(build, tmp_path, etcd):
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(True)
        lease = lease_of(a)
        etcd.ctl("lease", "revoke", lease)
        a.wait(lambda: lease_of(a) != lease, 10, "a new lease")
        wait_for(registered(etcd, "emqx@127.0.9.1"), 10, "registered")
        a.wait(lambda: a.log.count("event=registered") == 2, 10, "it is logged")


def test_key_deleted_by_somebody(build, tmp_path, etcd):
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(True)
        etcd.ctl("del", "--prefix", "/emqxcl/")
        wait_for(lambda: a.turn(0.01) or registered(etcd, "emqx@127.0.9.1")(), 5, "registered again")


def test_frozen(build, tmp_path, etcd):
    """A server that accepts and never answers: found out by the lease, told, recovered from."""
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(True)
        etcd.freeze()
        a.wait_health(False, "no answer in time", timeout=12)
        etcd.thaw()
        a.wait_health(True, timeout=12)
        wait_for(registered(etcd, "emqx@127.0.9.1"), 10, "registered")


def test_failover(build, tmp_path, etcd):
    """The first of two servers is dead from the start, then the second, then the first one lives."""
    with Etcd(tmp_path / "second") as second:
        with worker(build, tmp_path, [second, etcd], "emqx@127.0.9.1") as a:
            a.wait_health(True, etcd.url)
            a.wait(lambda: "event=etcd_failover" in a.log, 10, "it is logged")
            second.start()
            etcd.kill()
            a.wait_health(True, second.url)
            wait_for(registered(second, "emqx@127.0.9.1"), 10, "registered")


def test_compaction(build, tmp_path, etcd):
    """A watch that comes too late reads again. The worker is held while etcd moves on and compacts."""
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1", node_ttl="1m") as a:
        a.wait_health(True)
        a.process.send_signal(signal.SIGSTOP)
        etcd.kill()
        etcd.start()
        for i in range(2, 6):
            etcd.ctl("put", NODES + f"emqx@127.0.9.{i}", f"emqx@127.0.9.{i}")
        etcd.ctl("del", NODES + "emqx@127.0.9.2")
        revision = etcd.ctl("get", "x", "-w", "json").stdout.partition('"revision":')[2].split(",")[0]
        etcd.ctl("compact", revision)
        os.kill(a.process.pid, signal.SIGCONT)
        a.wait_names([f"emqx@127.0.9.{i}" for i in (3, 4, 5)])
        a.wait_health(True)


def tls(pki, **extra):
    return {"ssl_options__cacertfile": pki["ca.pem"], "ssl_options__certfile": pki["client.pem"],
            "ssl_options__keyfile": pki["client.key"], "ssl_options__enable": "true", **extra}


def test_tls_and_user(build, tmp_path, pki):
    with Etcd(tmp_path / "etcd", pki, client_certificates=True) as etcd:
        etcd.start().add_user()
        section = tls(pki, username=USER, password=PASSWORD)
        with worker(build, tmp_path, [etcd], "emqx@127.0.9.1", **section) as a, \
                worker(build, tmp_path, [etcd], "emqx@127.0.9.2", **section) as b:
            a.wait_names(["emqx@127.0.9.2"])
            b.wait_names(["emqx@127.0.9.1"])
            assert a.wait_health(True)["found_self"]
            assert PASSWORD not in a.log and "word" not in a.log
            assert b.stop() == 0
            a.wait_names([], timeout=3)


def test_token_runs_out(build, tmp_path, pki):
    """Authentication is off and on again: the token dies, we log in again; the set stays."""
    with Etcd(tmp_path / "etcd", pki) as etcd:
        etcd.start().add_user()
        with worker(build, tmp_path, [etcd], "emqx@127.0.9.1",
                    **tls(pki, username=USER, password=PASSWORD, node_ttl="3s")) as a:
            a.wait_health(True)
            seen = len(a.healths)
            etcd.ctl("auth", "disable")
            etcd.user = None
            etcd.ctl("auth", "enable")
            etcd.user = "root:root"
            a.wait(lambda: len(a.healths) > seen + 2 and a.health["ok"], 30, "renewals")
            wait_for(registered(etcd, "emqx@127.0.9.1"), 10, "registered")
            assert a.candidates == []


REFUSALS = {
    "no user": ({}, "set cluster.etcd.username"),
    "wrong password": ({"username": USER, "password": "wrong"}, "check cluster.etcd.username"),
    "no right": ({"username": USER, "password": PASSWORD, "prefix": "elsewhere"},
                 "etcdctl role grant-permission ROLE readwrite --prefix=true /elsewhere/emqxcl/nodes/"),
    "wrong authority": ({"username": USER, "password": PASSWORD, "ssl_options__cacertfile": "other-ca.pem"},
                        "certificate is not accepted"),
    "stranger's certificate": ({"username": USER, "password": PASSWORD, "ssl_options__certfile": "stranger.pem",
                                "ssl_options__keyfile": "stranger.key"}, "client certificate"),
    "certificate with a CN": ({"username": USER, "password": PASSWORD, "ssl_options__certfile": "named-client.pem",
                               "ssl_options__keyfile": "named-client.key"}, "without a CN"),
    "missing key": ({"username": USER, "password": PASSWORD, "ssl_options__keyfile": "missing.key"},
                    "our client certificate or key can't be used"),
    "wrong name": ({"username": USER, "password": PASSWORD, "ssl_options__server_name_indication": "other.test"},
                   "certificate is not accepted"),
}


@pytest.fixture(scope="module")
def secure(tmp_path_factory, pki):
    with Etcd(tmp_path_factory.mktemp("secure"), pki, client_certificates=True) as etcd:
        etcd.start().add_user()
        yield etcd


@pytest.mark.parametrize("what", sorted(REFUSALS))
def test_refusals(build, tmp_path, secure, pki, what):
    section, text = REFUSALS[what]
    section = {key: pki[value] if value.endswith((".pem", ".key")) else value for key, value in section.items()}
    with worker(build, tmp_path, [secure], "emqx@127.0.9.1", **tls(pki, **section)) as a:
        a.wait_health(False, text)
        assert a.candidates is None


def test_server_name(build, tmp_path, secure, pki):
    section = tls(pki, username=USER, password=PASSWORD, ssl_options__server_name_indication="etcd.test")
    with worker(build, tmp_path, [secure], "emqx@127.0.9.1", **section) as a:
        assert a.wait_health(True)["found_self"]


def test_reload(build, tmp_path, etcd):
    """Another prefix: the old key goes, the new one comes."""
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_health(True)
        assert a.reload(cluster__etcd__prefix="other")[0]
        wait_for(lambda: a.turn(0.01) or etcd.tree() == {"/other/emqxcl/nodes/emqx@127.0.9.1": "emqx@127.0.9.1"}, 5,
                 "moved")


def test_many(build, tmp_path, etcd):
    """A thousand nodes, some of them junk."""
    names = [f"n{i}@10.1.{i // 250}.{i % 250}" for i in range(1000)]
    for start in range(0, 1000, 100):
        body = "\n" + "".join(f"put {NODES}{name} {name}\n" for name in names[start:start + 100]) + "\n\n"
        subprocess.run(["etcdctl", f"--endpoints={etcd.url}", "txn"], input=body, text=True, check=True,
                       capture_output=True)
    with worker(build, tmp_path, [etcd], "emqx@127.0.9.1") as a:
        a.wait_names(names)
