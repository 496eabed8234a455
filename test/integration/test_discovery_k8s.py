"""The k8s worker against a server that replays what real API servers answered, and their faults."""

import json
import time

import pytest

from cluster import wait_for
from etcd_server import Pki
from k8s_server import ALL, ENDPOINTS, SLICES, Account, ApiServer, Refusal, server_tls
from worker_driver import Worker

RULE = '- {apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"]}'


@pytest.fixture
def server():
    with ApiServer() as s:
        yield s


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path / "account", "good")


def worker(build, tmp_path, server, account, service="emqx", node="emqx@10.9.9.9", **section):
    values = {"cluster.k8s.apiserver": server.url, "cluster.k8s.service_name": service,
              "cluster.k8s.address_type": "ip", "cluster.k8s.namespace": "default", "cluster.k8s.suffix": "pod.local"}
    values.update({key.replace("__", "."): value for key, value in section.items()})
    return Worker(build, "k8s", values, node=node, log=tmp_path / "worker.log", launcher=account.launcher)


def names(*hosts):
    return [f"emqx@{host}" for host in hosts]


RECORDED = [
    # version, service, address type, suffix, proto, expected hosts
    ("v1.36", "emqx", "ip", "", "inet_tcp", ["10.244.0.11", "10.244.0.12", "10.244.0.13", "10.244.0.14"]),
    ("v1.36", "emqx-slices", "ip", "", "inet_tcp",
     ["10.244.1.11", "10.244.1.12", "10.244.1.13", "10.244.2.21", "emqx-9.example.com"]),
    ("v1.36", "emqx-slices", "ip", "", "inet6_tcp", ["emqx-9.example.com", "fd00:10:244::11", "fd00:10:244::12"]),
    ("v1.36", "emqx-slices", "dns", "pod.cluster.local", "inet_tcp",
     ["10-244-1-11.default.pod.cluster.local", "10-244-1-12.default.pod.cluster.local",
      "10-244-1-13.default.pod.cluster.local", "10-244-2-21.default.pod.cluster.local", "emqx-9.example.com"]),
    ("v1.36", "emqx-slices", "hostname", "svc.cluster.local", "inet_tcp",
     [f"emqx-{i}.emqx-slices.default.svc.cluster.local" for i in range(3)]),
    ("v1.20", "emqx-headless", "hostname", "svc.cluster.local", "inet_tcp",
     [f"emqx-sts-{i}.emqx-headless.default.svc.cluster.local" for i in range(4)]),
    ("v1.20", "emqx-notready", "ip", "", "inet_tcp", ["10.244.3.1"]),
]


@pytest.mark.parametrize("case", RECORDED, ids=lambda c: f"{c[0]}-{c[1]}-{c[2]}-{c[4]}")
def test_recorded(build, tmp_path, account, case):
    version, service, kind, suffix, proto, hosts = case
    if service == "emqx":
        items = json.loads(ApiServer(version).sample("es-list-emqx"))["items"]
        hosts = sorted({a for item in items for e in item["endpoints"] for a in e["addresses"]})
    with ApiServer(version) as server:
        with worker(build, tmp_path, server, account, service, cluster__k8s__address_type=kind,
                    cluster__k8s__suffix=suffix, cluster__proto_dist=proto) as w:
            w.wait_names(names(*hosts))
            health = w.wait_health(True, "watched")
            assert ("endpointslices" if version == "v1.36" else "endpoints of") in health["detail"]
            assert w.stop() == 0


def test_follows_changes(build, tmp_path, server, account):
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_health(False, "no endpoints")
        server.set_service("mine", ["10.1.0.1"])
        w.wait_names(names("10.1.0.1"), 5)
        server.set_service("mine", ["10.1.0.1", "10.1.0.2", "10.1.0.3"], slice_size=2)
        w.wait_names(names("10.1.0.1", "10.1.0.2", "10.1.0.3"), 5)
        server.set_service("mine", ["10.1.0.2"])
        w.wait_names(names("10.1.0.2"), 5)
        assert len([r for r in server.requests if "watch=1" in r[1]]) == 1


def test_every_byte_boundary(build, tmp_path, account):
    with ApiServer(seed=False) as server:
        server.piece = 1
        server.set_service("mine", ["10.1.0.1"])
        with worker(build, tmp_path, server, account, "mine") as w:
            w.wait_names(names("10.1.0.1"))
            server.set_service("mine", ["10.1.0.1", "10.1.0.2"])
            w.wait_names(names("10.1.0.1", "10.1.0.2"))


def test_finds_itself(build, tmp_path, server, account):
    server.set_service("mine", ["127.0.9.1", "127.0.9.2"])
    with worker(build, tmp_path, server, account, "mine", node="emqx@127.0.9.1") as w:
        w.wait_names(names("127.0.9.2"))
        assert w.wait_health(True)["found_self"]


def test_paging(build, tmp_path, server, account):
    hosts = [f"10.2.{i // 250}.{i % 250}" for i in range(1200)]
    server.set_service("mine", hosts, slice_size=3)
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names(*hosts))
        assert len([r for r in server.requests if "continue=" in r[1]]) == 1


def test_page_token_expires(build, tmp_path, server, account):
    server.set_service("mine", ["10.1.0.1", "10.1.0.2"], slice_size=1)
    server.page = 1
    server.faults = [None, lambda path: server._refuse_like("err-410-continue")]
    with worker(build, tmp_path, server, account, "mine") as w:
        wait_for(lambda: w.turn(0.01) or len(server.requests) >= 3, 10, "a list all at once")
        assert "limit=" not in server.requests[2][1] and "continue=" not in server.requests[2][1]
        server.page = None
        w.wait_names(names("10.1.0.1", "10.1.0.2"))


def test_watch_ends(build, tmp_path, server, account):
    server.watch_seconds = 2.5
    server.set_service("mine", ["10.1.0.1"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        wait_for(lambda: w.turn(0.01) or len([r for r in server.requests if "watch=1" in r[1]]) >= 2, 15, "watched again")
        server.set_service("mine", ["10.1.0.2"])
        w.wait_names(names("10.1.0.2"), 5)
        assert len([r for r in server.requests if "watch=1" not in r[1]]) == 1
        assert all(h["ok"] for h in w.healths)


def test_watch_ends_at_once(build, tmp_path, server, account):
    """No storm of requests against a server that ends every watch."""
    server.watch_seconds = 0.01
    server.set_service("mine", ["10.1.0.1"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        before, begun = len(server.requests), time.monotonic()
        w.wait(lambda: len(server.requests) >= before + 2 and time.monotonic() > begun + 3, 15, "watched again")
        assert len(server.requests) - before <= 10 / 3 * (time.monotonic() - begun)


def test_bookmarks(build, tmp_path, server, account):
    """The version of a bookmark is where the next watch goes on."""
    server.set_service("mine", ["10.1.0.1"])
    server.bookmark_every, server.watch_seconds = 0.5, 3
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        server.set(ENDPOINTS, {"metadata": {"name": "another"}})
        newest = server.revision
        wait_for(lambda: w.turn(0.01) or [r for r in server.requests if f"resourceVersion={newest}" in r[1]], 15,
                 "watch from the bookmark")


def test_410(build, tmp_path, server, account):
    server.set_service("mine", ["10.1.0.1"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        server.kill()
        w.wait_health(False)
        server.set_service("mine", ["10.1.0.2"])
        server.compact()
        server.start()
        w.wait_names(names("10.1.0.2"))
        w.wait_health(True)


def test_410_in_watch(build, tmp_path, server, account):
    server.set_service("mine", ["10.1.0.1"])
    server.watch_seconds = 2.5
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        server.compact()
        wait_for(lambda: w.turn(0.01) or len([r for r in server.requests if "watch=1" not in r[1]]) == 2, 15, "listed again")
        server.set_service("mine", ["10.1.0.2"])
        w.wait_names(names("10.1.0.2"))
        assert all(h["ok"] for h in w.healths)


def test_killed(build, tmp_path, server, account):
    server.set_service("mine", ["10.1.0.1"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        server.kill()
        w.wait_health(False)
        assert len(w.candidates) == 1
        server.start()
        w.wait_health(True)
        assert w.sets == 1


def test_down_at_our_start(build, tmp_path, server, account):
    server.kill()
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_health(False, "Connection refused")
        assert w.candidates is None
        server.set_service("mine", ["10.1.0.1"])
        server.start()
        w.wait_names(names("10.1.0.1"))


def test_token_rotation(build, tmp_path, server, account):
    """The old token dies, the file has a new one: no error to see."""
    server.set_service("mine", ["10.1.0.1"])
    server.watch_seconds = 2.5
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        server.tokens = {"good": ALL, "newer": ALL}  # as the real one: both hold for a while
        account.rotate("newer")
        server.tokens = {"newer": ALL}
        wait_for(lambda: w.turn(0.01) or any(r[2] == "newer" for r in server.requests), 15, "the new token")
        server.set_service("mine", ["10.1.0.2"])
        w.wait_names(names("10.1.0.2"))
        assert all(h["ok"] for h in w.healths)


def test_401(build, tmp_path, server, account):
    account.rotate("stale")
    server.set_service("mine", ["10.1.0.1"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_health(False, "token is not accepted")
        account.rotate("good")
        w.wait_names(names("10.1.0.1"))
        w.wait_health(True)
        assert "good" not in w.log and "stale" not in w.log


def test_403_prints_the_rule(build, tmp_path, server, account):
    server.tokens = {"good": set()}
    server.set_service("mine", ["10.1.0.1"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_health(False, RULE)
        server.tokens = {"good": ALL}
        w.wait_names(names("10.1.0.1"))
        w.wait_health(True)


RIGHTS = {
    "endpoints only": ({("get", ENDPOINTS), ("list", ENDPOINTS), ("watch", ENDPOINTS)}, "endpoints of default/mine watched"),
    "get only": ({("get", ENDPOINTS)}, "endpoints of default/mine polled"),
    "no watch": ({("list", SLICES)}, "endpointslices of default/mine"),
}


@pytest.mark.parametrize("rights", sorted(RIGHTS))
def test_fallback(build, tmp_path, server, account, rights):
    server.tokens = {"good": RIGHTS[rights][0]}
    server.set_service("mine", ["10.1.0.1", "10.1.0.2"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1", "10.1.0.2"))
        detail = w.wait_health(True, RIGHTS[rights][1])["detail"]
        assert rights == "no watch" or RULE in detail
        server.set_service("mine", ["10.1.0.2"])
        w.wait_names(names("10.1.0.2"), 20)


def status(code, body=b'{"kind":"Status","status":"Failure","message":"boom","code":500}', headers=()):
    def fault(path):
        raise Refusal(code, body, headers)
    return fault


FAULTS = {
    "500": (status(500), "boom"),
    "429": (status(429, b"Too many requests, please try again later.\n", ["Retry-After: 1"]), "Too many requests"),
    "504": (lambda path: ApiServer()._refuse_like("err-504-future-rv"), "Too large resource version"),
    "cut": ("cut", "middle of an answer"),
    "close": ("close", "without an answer"),
    "not json": (status(200, b"<html>"), "no list of endpoints"),
    "another list": (status(200, b'{"kind":"PodList","items":[]}'), "no list of endpoints"),
    "200 without items": (status(200, b'{"kind":"EndpointSliceList"}'), "no endpoints"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faults(build, tmp_path, server, account, fault):
    server.set_service("mine", ["10.1.0.1"])
    what, text = FAULTS[fault]
    server.faults = [what]
    if fault == "close":
        server.faults *= 2  # curl tries a closed connection once more
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait(lambda: any(text in h["text"] for h in w.healths), 10, text)
        if fault != "200 without items":
            w.wait_names(names("10.1.0.1"))
            w.wait_health(True)


def test_slow(build, tmp_path, server, account):
    server.set_service("mine", ["10.1.0.1"])
    server.delay = 1.5
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        w.wait_health(True)


def test_hostname_is_missing(build, tmp_path, server, account):
    server.set_service("mine", ["10.1.0.1", "10.1.0.2"])
    with worker(build, tmp_path, server, account, "mine", cluster__k8s__address_type="hostname") as w:
        w.wait_health(False, "2 endpoints of default/mine have no hostname")


def test_other_family(build, tmp_path, server, account):
    server.set_service("mine", ["fd00::1"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_health(False, "IPv6 only, and cluster.proto_dist is inet_*")


def test_wrong_namespace(build, tmp_path, server):
    account = Account(tmp_path / "account", "good", namespace="broker")
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_health(False, "this pod runs in namespace broker")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.mark.parametrize("ca", ["ca.pem", "other-ca.pem"])
def test_tls(build, tmp_path, pki, ca):
    account = Account(tmp_path / "account", "good", ca=pki[ca])
    with ApiServer(tls=server_tls(pki["server.pem"], pki["server.key"])) as server:
        server.set_service("mine", ["10.1.0.1"])
        with worker(build, tmp_path, server, account, "mine") as w:
            if ca == "ca.pem":
                w.wait_names(names("10.1.0.1"))
            else:
                w.wait_health(False, "certificate is not accepted")
                assert not server.requests


def test_reload(build, tmp_path, server, account):
    server.set_service("mine", ["10.1.0.1"])
    server.set_service("other", ["10.1.0.2"])
    with worker(build, tmp_path, server, account, "mine") as w:
        w.wait_names(names("10.1.0.1"))
        assert w.reload(cluster__k8s__service_name="other")[0]
        w.wait_names(names("10.1.0.2"))
