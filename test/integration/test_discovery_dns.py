"""The dns worker against two real name servers, and against one that misbehaves."""

import socket
import struct

import pytest

from dns_servers import Dnsmasq, Faulty, Knot, answer
from worker_driver import Worker

SERVERS = {"dnsmasq": Dnsmasq, "knot": Knot}


@pytest.fixture(params=sorted(SERVERS))
def server(request, tmp_path):
    with SERVERS[request.param](tmp_path / request.param) as s:
        yield s


def worker(build, tmp_path, server, kind, name="nodes.cluster.test", **options):
    section = {"cluster.dns.name": name, "cluster.dns.record_type": kind, "cluster.dns.servers": server.address}
    section.update(options.pop("section", {}))
    return Worker(build, "dns", section, log=tmp_path / "worker.log", **options)


def a(*hosts, name="nodes.cluster.test", ttl=5):
    return [(name, "AAAA" if ":" in host else "A", ttl, host) for host in hosts]


def test_a(build, tmp_path, server):
    server.start(a("127.0.9.1", "127.0.9.2", "127.0.9.3"))
    with worker(build, tmp_path, server, "a", node="emqx@127.0.9.1") as w:
        found = w.wait_names(["emqx@127.0.9.2", "emqx@127.0.9.3"])
        assert found[0] == ("emqx@127.0.9.2", "127.0.9.2", 0, "dns a nodes.cluster.test")
        assert w.wait_health(True)["found_self"]
        assert w.stop() == 0


def test_self_is_missing(build, tmp_path, server):
    server.start(a("127.0.9.2"))
    with worker(build, tmp_path, server, "a", node="emqx@10.9.9.9") as w:
        w.wait_names(["emqx@127.0.9.2"])
        assert not w.wait_health(True)["found_self"]
        w.wait(lambda: "event=self_not_found" in w.log, 10, "it is logged")


def test_aaaa(build, tmp_path, server):
    server.start(a("fd00:9::1", "fd00:9::2"))
    with worker(build, tmp_path, server, "aaaa", node="emqx@fd00:9::1",
                section={"cluster.proto_dist": "inet6_tcp"}) as w:
        w.wait_names(["emqx@fd00:9::2"])


def test_srv(build, tmp_path, server):
    srv = [("_emqx._tcp.cluster.test", "SRV", 5, data) for data in (
        "10 5 4400 n1.cluster.test.", "10 5 0 n2.cluster.test.", "20 5 4999 n1.cluster.test.")]
    server.start(srv + a("127.0.9.1", name="n1.cluster.test") + a("127.0.9.2", name="n2.cluster.test"))
    with worker(build, tmp_path, server, "srv", name="_emqx._tcp.cluster.test", node="emqx@n3.cluster.test",
                section={"node.bind_address": "127.0.9.3"}) as w:
        found = w.wait_names(["emqx@n1.cluster.test", "emqx@n2.cluster.test"])
        assert [c[:3] for c in found] == [("emqx@n1.cluster.test", "127.0.9.1", 4400),
                                          ("emqx@n2.cluster.test", "127.0.9.2", 0)]


def test_srv_target_without_address(build, tmp_path, server):
    """The dialler may know better."""
    server.start([("_emqx._tcp.cluster.test", "SRV", 5, "1 1 4400 gone.cluster.test.")])
    with worker(build, tmp_path, server, "srv", name="_emqx._tcp.cluster.test") as w:
        assert w.wait_names(["emqx@gone.cluster.test"])[0][1] == "gone.cluster.test"


def test_cname(build, tmp_path, server):
    server.start(a("127.0.9.7", name="real.cluster.test") +
                 [("nodes.cluster.test", "CNAME", 5, "real.cluster.test.")])
    with worker(build, tmp_path, server, "a") as w:
        w.wait_names(["emqx@127.0.9.7"])


def test_200_records(build, tmp_path, server):
    """More than a datagram holds: c-ares asks again by TCP."""
    hosts = [f"127.0.8.{i}" for i in range(1, 201)]
    server.start(a(*hosts))
    with worker(build, tmp_path, server, "a", node="emqx@10.9.9.9") as w:
        w.wait_names([f"emqx@{host}" for host in hosts])


def test_follows_the_ttl(build, tmp_path, server):
    server.start(a("127.0.9.1"))
    with worker(build, tmp_path, server, "a", node="emqx@10.9.9.9") as w:
        w.wait_names(["emqx@127.0.9.1"])
        server.change(a("127.0.9.1", "127.0.9.2"))
        w.wait_names(["emqx@127.0.9.1", "emqx@127.0.9.2"], timeout=30)


def test_last_good_set_stays(build, tmp_path, server):
    server.start(a("127.0.9.1"))
    with worker(build, tmp_path, server, "a", node="emqx@10.9.9.9") as w:
        w.wait_names(["emqx@127.0.9.1"])
        server.change([])
        w.wait_health(False, "the last good answer is kept", timeout=30)
        server.stop()
        w.wait_health(False, "no DNS server can be reached", timeout=30)
        assert [c[0] for c in w.candidates] == ["emqx@127.0.9.1"] and w.sets == 1
        server.start(a("127.0.9.3"))
        w.wait_names(["emqx@127.0.9.3"], timeout=30)
        w.wait_health(True)


def test_several_names(build, tmp_path, server):
    server.start(a("127.0.9.1", name="one.cluster.test") + a("127.0.9.1", "127.0.9.2", name="two.cluster.test"))
    with worker(build, tmp_path, server, "a", name="one.cluster.test,two.cluster.test,none.cluster.test",
                node="emqx@10.9.9.9") as w:
        w.wait_names(["emqx@127.0.9.1", "emqx@127.0.9.2"])
        w.wait_health(False, "a none.cluster.test: no such name")


def test_reload(build, tmp_path, server):
    server.start(a("127.0.9.1", name="one.cluster.test") + a("127.0.9.2", name="two.cluster.test"))
    with worker(build, tmp_path, server, "a", name="one.cluster.test", node="emqx@10.9.9.9") as w:
        w.wait_names(["emqx@127.0.9.1"])
        assert w.reload(cluster__dns__name="two.cluster.test")[0]
        w.wait_names(["emqx@127.0.9.2"])


def test_hosts_file(build, tmp_path):
    """The names of test/integration/hosts are in /etc/hosts here, and no server is asked for them."""
    with Faulty() as server, worker(build, tmp_path, server, "a", name="node1.emqx.com", node="emqx@10.9.9.9") as w:
        w.wait_names(["emqx@127.0.2.1"])
        assert server.asked == 0


def test_localhost_snippet(build, tmp_path):
    """As the seed page has it: finds this host, and is content."""
    with Faulty() as server, worker(build, tmp_path, server, "a", name="localhost") as w:
        w.wait_names([])
        assert w.wait_health(True)["found_self"]


def test_garbage_nothing_right(build, tmp_path):
    with Faulty() as server:
        server.reply = lambda query: answer(query, ["127.0.9.1"])
        with worker(build, tmp_path, server, "a", node="emqx@10.9.9.9") as w:
            w.wait_names(["emqx@127.0.9.1"])
            server.reply = lambda query: query[:2] + b"\x81\x80" + b"\xff" * 40
            w.wait_health(False, timeout=30)
            server.reply = lambda query: None
            asked = server.asked
            w.wait(lambda: server.asked > asked + 1, 20, "asks again")
            assert w.sets == 1
            server.reply = lambda query: answer(query, ["127.0.9.2"])
            w.wait_names(["emqx@127.0.9.2"], timeout=30)
            w.wait_health(True)


FAULTS = {
    "servfail": lambda q: answer(q, [], rcode=2),
    "refused": lambda q: answer(q, [], rcode=5),
    "no records": lambda q: answer(q, []),
    "another question": lambda q: answer(q, ["127.0.9.9"])[:12] + b"\1x\0\0\1\0\1" + answer(q, ["127.0.9.9"])[-16:],
    "cut short": lambda q: answer(q, ["127.0.9.9"])[:-3],
    "pointer to itself": lambda q: answer(q, [])[:6] + struct.pack(">HHH", 1, 0, 0) + answer(q, [])[12:] +
    struct.pack(">HHHIH", 0xC000 | (len(answer(q, []))), 1, 1, 5, 4) + socket.inet_aton("127.0.9.9"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faults(build, tmp_path, fault):
    with Faulty() as server:
        server.reply = FAULTS[fault]
        with worker(build, tmp_path, server, "a") as w:
            w.wait_health(False, "no answer yet", timeout=30)
            assert w.candidates is None
            server.reply = lambda query: answer(query, ["127.0.9.2"])
            w.wait_names(["emqx@127.0.9.2"], timeout=30)
