"""What a discovery worker takes while nothing happens: three nodes on this host for each strategy, against real servers
(dnsmasq, etcd with TLS and a user, a Kubernetes API server that replays recorded answers, with TLS).

Wake-ups are how often a worker's threads gave the processor back of themselves.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import tempfile
import time

from cluster import Process, wait_for
from dns_servers import Dnsmasq
from etcd_server import PASSWORD, USER, Etcd, Pki
from k8s_server import Account, ApiServer, server_tls
from measure_network import cpu_s
from measure_three import Bench
from table import head, row

HOSTS = [f"127.0.1.{i}" for i in (1, 2, 3)]
BUDGET_PSS_MIB = {"static": 2, "dns": 2, "etcd": 5, "k8s": 5}
DNS_TTL_S = 60


@contextlib.contextmanager
def static(_):
    yield {"cluster__static__seeds": "[" + ", ".join(f"emqx@{host}" for host in HOSTS) + "]"}, []


@contextlib.contextmanager
def dns(folder):
    with Dnsmasq(folder) as server:
        server.start([("nodes.cluster.test", "A", DNS_TTL_S, host) for host in HOSTS])
        yield {"cluster__dns__name": "nodes.cluster.test", "cluster__dns__record_type": "a",
               "cluster__dns__servers": server.address}, []


@contextlib.contextmanager
def etcd(folder):
    pki = Pki(folder / "pki")
    password = PASSWORD.replace("\\", "").replace('"', "")
    with Etcd(folder / "etcd", pki) as server:
        server.start().add_user(password=password)
        yield {"cluster__name": "emqxcl", "cluster__etcd__server": server.url,
               "cluster__etcd__ssl_options__cacertfile": pki["ca.pem"],
               "cluster__etcd__username": USER, "cluster__etcd__password": password}, []


@contextlib.contextmanager
def k8s(folder):
    pki = Pki(folder / "pki")
    account = Account(folder / "account", "good", ca=pki["ca.pem"])
    with ApiServer(tls=server_tls(pki["server.pem"], pki["server.key"])) as server:
        server.set_service("emqx", HOSTS)
        yield {"cluster__k8s__apiserver": server.url, "cluster__k8s__service_name": "emqx",
               "cluster__k8s__address_type": "ip", "cluster__k8s__namespace": "default"}, account.launcher


def wake_ups(process):
    return sum(int(line.split()[1]) for status in process.proc.glob("task/*/status")
               for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt_switches"))


def workers_of(nodes):
    rows = [row for node in nodes for row in node.ctl("workers", "--json").json()]
    assert all(row["last_error"] in (None, "") for row in rows), rows
    return [Process(row["pid"]) for row in rows]


def wait(seconds):
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun >= seconds, seconds + 5, "time to pass")


def measure(bench, strategy, seconds):
    figures = collections.defaultdict(list)
    folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ["CLUSTERD_TEST_DIR"]))
    with strategy(folder) as (conf, launcher), bench:
        nodes = [bench.cluster.node(f"emqx@{host}", cluster__discovery_strategy=strategy.__name__, log__level="info",
                                    **conf) for host in HOSTS]
        for node in nodes:
            node.enter = launcher
            node.spawn()
        bench.cluster.agree(nodes, timeout=30)
        wait(5)
        workers = workers_of(nodes)
        assert len(workers) == len(nodes)
        before = [(wake_ups(w), cpu_s(w)) for w in workers]
        wait(seconds)
        for w, (woken, cpu) in zip(workers, before):
            figures["wake-ups a minute"].append((wake_ups(w) - woken) * 60 / seconds)
            figures["CPU a minute"].append((cpu_s(w) - cpu) * 1000 * 60 / seconds)
            figures["PSS"].append(w.pss_kib / 1024)
    name = strategy.__name__
    row(f"{name} worker: PSS", "MiB", figures["PSS"], BUDGET_PSS_MIB[name])
    row(f"{name} worker: wake-ups a minute", "", figures["wake-ups a minute"])
    row(f"{name} worker: CPU a minute", "ms", figures["CPU a minute"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--seconds", type=int, default=60, help="of rest, for each strategy")
    args = parser.parse_args()
    head("discovery workers at rest, three nodes on this host")
    bench = Bench(args.build.resolve())
    for strategy in (static, dns, etcd, k8s):
        measure(bench, strategy, args.seconds)


main()
