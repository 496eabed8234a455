"""The configuration as an operator meets it: --check, all errors at once, exit 78, layers, reload."""

import os
import signal
import subprocess

import pytest

from cluster import UNPRIVILEGED, wait_for


def clusterd(build, *args, env=None):
    return subprocess.run([*UNPRIVILEGED, build / "clusterd", *args], capture_output=True, text=True, timeout=20,
                          env={"PATH": os.environ["PATH"]} | (env or {}), stdin=subprocess.DEVNULL)


@pytest.fixture
def conf(tmp_path, cookie):
    path = tmp_path / "clusterd.conf"
    path.write_text(f"node.name = n1@127.0.1.1\nnode.cookie = {cookie}\nnode.data_dir = {tmp_path}/data\n")
    return path


def test_good_configuration(build, conf):
    good = clusterd(build, "-c", conf, "--check")
    assert good.returncode == 0, good.stderr


def test_every_error_is_told_at_once(build, conf):
    bad = ["cluster.discovery_strategy = telepathy", "cluster.heartbeat_interval = soon", "node.dist_port = 70000",
           "cluster.no_such_key = 1", "log.level = loud"]
    first = len(conf.read_text().splitlines()) + 1
    conf.write_text(conf.read_text() + "\n".join(bad) + "\n")
    for args in [("--check",), ()]:
        refused = clusterd(build, "-c", conf, *args)
        assert refused.returncode == 78
        for number, line in enumerate(bad, first):
            key, value = line.split(" = ")
            told = [text for text in refused.stderr.splitlines() if f"{conf}:{number}:" in text]
            assert len(told) == 1 and key in told[0], refused.stderr
            assert value in told[0] or key == "cluster.no_such_key", told


def test_missing_file(build, tmp_path):
    missing = clusterd(build, "-c", tmp_path / "nothing.conf", "--check")
    assert missing.returncode == 78
    assert "nothing.conf" in missing.stderr


@pytest.mark.parametrize("cookie_line", ["", "node.cookie = emqxsecretcookie"])
def test_missing_or_known_cookie_is_refused(build, tmp_path, cookie_line):
    conf = tmp_path / "clusterd.conf"
    conf.write_text(f"node.name = n1@127.0.1.1\n{cookie_line}\nnode.data_dir = {tmp_path}/data\n")
    refused = clusterd(build, "-c", conf)
    assert refused.returncode == 78
    assert "clusterctl cookie generate" in refused.stderr


def test_cookie_on_the_command_line_is_refused(build, conf):
    refused = clusterd(build, "-c", conf, "--check", "--set", "node.cookie=secret")
    assert refused.returncode in (2, 78)
    assert "node.cookie" in refused.stderr and "secret" not in refused.stderr


def test_usage(build):
    for args in ("--no-such-option",), ("-c",), ("surplus",):
        assert clusterd(build, *args).returncode == 2


def test_layers_file_environment_set(cluster):
    """conf.d beats the file, CLUSTERD_ beats EMQX_, --set beats all; the block form and capitals are read."""
    node = cluster.node(1, cluster__name=None)
    node.write_conf()
    conf_d = node.dir / "conf.d"
    conf_d.mkdir()
    (conf_d / "10-cluster.conf").write_text("cluster {\n  name = fromconfd\n}\n")
    node.env |= {"EMQX_CLUSTER__NAME": "fromemqx"}
    node.start()
    assert node.status()["cluster_name"] == "fromemqx"


def test_reload_applies_all_or_nothing(cluster):
    node = cluster.node(1, cluster__discovery_strategy="static", cluster__static__seeds="[n1@127.0.1.1]").start()
    other = cluster.node(2).start()
    assert other.view() == ([other.name], [])
    assert node.ctl("workers", "--json").json()[0]["candidates"] == 0

    node.conf["cluster.static.seeds"] = "[n1@127.0.1.1, n2@127.0.1.2]"
    node.conf["log.level"] = "loud"
    node.write_conf()
    node.process.kill(signal.SIGHUP)
    node.wait_log("loud")
    node.conf["log.level"] = "info"
    node.write_conf()
    node.process.kill(signal.SIGHUP)
    wait_for(lambda: node.ctl("workers", "--json").json()[0]["candidates"] == 1, 10, "the new seed is a candidate")
