"""clusterd --check --online: what each source answers, whether this node is in it, and why not."""

import os
import signal
import subprocess

import pytest

from cluster import UNPRIVILEGED, wait_for
from dns_servers import Dnsmasq, Faulty
from etcd_server import Etcd

ARGS = ["--check", "--online"]
NODES = "/emqxcl/testcl/nodes/"
DNS = {"cluster.discovery_strategy": "dns", "cluster.dns.name": "nodes.cluster.test", "cluster.dns.record_type": "a"}


def finish(process):
    try:
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def check(build, tmp_path, cookie):
    """check({key: value}) → the finished process; check.start() does not wait for it."""
    conf = tmp_path / "clusterd.conf"

    def start(keys, libexec=None):
        text = {"node.name": "n1@127.0.1.1", "node.cookie": cookie, "node.data_dir": tmp_path / "data",
                "node.bind_address": "127.0.1.1", "cluster.name": "testcl", **keys}
        conf.write_text("".join(f"{key} = {value}\n" for key, value in text.items()))
        env = {"PATH": os.environ["PATH"]} | ({"CLUSTERD_LIBEXEC": str(libexec)} if libexec else {})
        return subprocess.Popen([*UNPRIVILEGED, build / "clusterd", "-c", conf, *ARGS], env=env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(keys, **options):
        return finish(start(keys, **options))

    run.start = start
    yield run
    assert not (tmp_path / "data").exists(), "a check makes nothing"


def etcd_keys(*servers):
    urls = ", ".join(f'"{url}"' for url in servers)
    return {"cluster.discovery_strategy": "etcd", "cluster.etcd.server": f"[{urls}]",
            "cluster.etcd.prefix": "emqxcl", "cluster.etcd.ssl_options.enable": "false"}


@pytest.mark.parametrize("strategy", ["manual", "singleton"])
def test_nothing_to_ask(check, strategy):
    answer = check({"cluster.discovery_strategy": strategy})
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"{strategy}: there is no source to ask" in answer.stdout


@pytest.mark.parametrize("me, said", [(True, "is one of the seeds"), (False, "is not one of the seeds")])
def test_static(check, me, said):
    seeds = ["n2@127.0.1.2", "n3@127.0.1.3:4400"] + ["n1@127.0.1.1"] * me
    answer = check({"cluster.discovery_strategy": "static", "cluster.static.seeds": f"[{', '.join(seeds)}]"})
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    assert lines[0] == "The configuration is good."
    assert lines[1].startswith(f"static: answered: {len(seeds)} seeds")
    assert lines[2:4] == ["  n2@127.0.1.2 at 127.0.1.2:4372 (static)", "  n3@127.0.1.3 at 127.0.1.3:4400 (static)"]
    assert lines[4].startswith(f"  this node, n1@127.0.1.1, {said}") and len(lines) == 5


def test_a_bad_configuration_is_not_asked(check):
    answer = check({"cluster.discovery_strategy": "static", "cluster.static.seeds": "[nobody]"})
    assert answer.returncode == 78
    assert answer.stdout == "" and "nobody" in answer.stderr


def test_online_alone(build):
    wrong = subprocess.run([build / "clusterd", "--online"], capture_output=True, text=True, timeout=20)
    assert wrong.returncode == 2
    assert "--online: goes with --check only" in wrong.stderr


@pytest.mark.parametrize("hosts, said", [(["127.0.1.1", "127.0.1.2"], "is in the answer"),
                                         (["203.0.113.2", "203.0.113.3"], "is not in the answer")])
def test_dns(check, tmp_path, hosts, said):
    with Dnsmasq(tmp_path / "dns") as server:
        server.start([("nodes.cluster.test", "A", 5, host) for host in hosts])
        answer = check({**DNS, "cluster.dns.servers": f'["{server.address}"]'})
    assert (answer.returncode, "dns: answered: a nodes.cluster.test: 2 nodes" in answer.stdout) == (0, True), answer
    assert f"n1@{hosts[1]} at {hosts[1]}:4371 (dns" in answer.stdout
    assert f"this node, n1@127.0.1.1, {said}" in answer.stdout


def test_name_that_does_not_exist(check, tmp_path):
    with Dnsmasq(tmp_path / "dns") as server:
        server.start([("others.cluster.test", "A", 5, "127.0.1.2")])
        answer = check({**DNS, "cluster.dns.servers": f'["{server.address}"]'})
    assert answer.returncode == 1
    assert "dns: failed: a nodes.cluster.test: " in answer.stdout


def test_silent_source(check):
    """One that says nothing fails in time, and does not hide the other's answer."""
    with Faulty() as server:
        answer = check({**DNS, "cluster.discovery_strategy": "[static, dns]", "cluster.static.seeds": "[n2@127.0.1.2]",
                        "cluster.dns.servers": f'["{server.address}"]'})
    assert answer.returncode == 1
    assert "static: answered" in answer.stdout and "dns: failed: " in answer.stdout, answer


def test_etcd(check, tmp_path):
    """Registered for the moment of the check, and no longer."""
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.start()
        etcd.ctl("put", NODES + "n2@127.0.1.2", "n2@127.0.1.2:4400")
        answer = check(etcd_keys(etcd.url))
        assert answer.returncode == 0, answer
        assert f"etcd: answered: server={etcd.url} " in answer.stdout
        assert f"  n2@127.0.1.2 at 127.0.1.2:4400 (etcd {etcd.url})" in answer.stdout
        assert "this node, n1@127.0.1.1, can register" in answer.stdout
        assert list(etcd.tree()) == [NODES + "n2@127.0.1.2"]
        etcd.kill()
        dead = check(etcd_keys(etcd.url))
        assert dead.returncode == 1
        assert "etcd: failed: " in dead.stdout and "Connection refused" in dead.stdout


def test_worker_that_cannot_run(check, tmp_path):
    answer = check({"cluster.discovery_strategy": "static", "cluster.static.seeds": "[n2@127.0.1.2]"},
                   libexec=tmp_path)
    assert answer.returncode == 1
    assert "static: failed: its worker ended: its program could not be executed" in answer.stdout


def test_interrupted(check):
    with Faulty() as server:
        process = check.start({**DNS, "cluster.dns.servers": f'["{server.address}"]'})
        wait_for(lambda: server.asked, 10, "the question")
        process.send_signal(signal.SIGINT)
        answer = finish(process)
    assert answer.returncode == 1
    assert "dns: failed: interrupted" in answer.stdout


def test_beside_a_running_node(cluster, tmp_path):
    """Same configuration, same lock, same ports; the running node keeps its place in etcd."""
    with Etcd(tmp_path / "etcd") as etcd:
        etcd.start()
        node = cluster.node(1, **{key.replace(".", "__"): value for key, value in etcd_keys(etcd.url).items()})
        node.start()
        wait_for(lambda: NODES + node.name in etcd.tree(), 10, "registered")
        answer = subprocess.run([*UNPRIVILEGED, cluster.build / "clusterd", "-c", node.conf_file, *ARGS], text=True,
                                capture_output=True, timeout=20, env={"PATH": os.environ["PATH"]}, check=False)
        assert answer.returncode == 0, answer
        assert f"this node, {node.name}, can register" in answer.stdout
        wait_for(lambda: NODES + node.name in etcd.tree(), 10, "registered again")
        assert node.ctl("status").code == 0
