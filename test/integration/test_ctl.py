"""clusterctl: exit codes, and that each command answers in both forms."""

import json
import subprocess

import pytest

from cluster import Lines, wait_for


def test_unreachable_daemon_is_exit_3(cluster):
    node = cluster.node(1)
    answer = node.ctl("cluster", "status")
    assert answer.code == 3 and answer.out == "", answer
    assert f"Node {node.socket} not responding to pings." in answer.err


@pytest.mark.parametrize("args", [
    ["no-such-command"], ["cluster"], ["cluster", "join"], ["cluster", "join", "a@b", "c@d"], ["--no-such-option"],
    ["cluster", "join", "two@at@signs"], ["status", "surplus"],
], ids=" ".join)
def test_usage_is_exit_2(cluster, args):
    node = cluster.node(1).start()
    answer = node.ctl(*args)
    assert answer.code == 2 and answer.out == "", answer
    assert "sage" in answer.err


def test_socket_from_the_environment(cluster):
    node = cluster.node(1).start()
    run = subprocess.run([cluster.build / "clusterctl", "version"], env={"CLUSTERD_SOCKET": str(node.socket)},
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("command", ["status", "members", "links", "workers", "events", "version", "check"])
def test_both_forms(cluster, command):
    n1, _ = cluster.manual(2)
    text = n1.ctl(*command.split())
    assert text.code == 0 and text.out, text
    assert "\x1b" not in text.out
    n1.ctl(*command.split(), "--json").json()


def test_cluster_status_json_is_byte_for_byte(cluster):
    n1 = cluster.node(1).start()
    assert n1.ctl("cluster", "status", "--json").out == ('{\n  "running_nodes" : [\n    "n1@127.0.1.1"\n  ],\n'
                                                         '  "stopped_nodes" : [\n    \n  ]\n}\n')


def test_members_json(cluster):
    n1, n2 = cluster.manual(2)
    members = n1.ctl("members", "--json").json()
    assert [m["name"] for m in members] == [n1.name, n2.name]
    for member in members:
        assert {"name", "state", "role", "self", "member_id", "incarnation", "since", "address", "dist_port", "rpc_port",
                "version"} <= member.keys()
        assert member["state"] == "running" and member["role"] == "core"
    assert [m["self"] for m in members] == [True, False]


def test_check_of_a_healthy_and_an_absent_node(cluster):
    n1, n2 = cluster.manual(2)
    good = n1.ctl("check", n2.name, "--json").json()
    assert all(step["ok"] for step in good["steps"]), good
    bad = n1.ctl("check", "n9@127.0.1.9", "--json")
    assert bad.code == 1
    steps = json.loads(bad.out)["steps"]
    assert [s["name"] for s in steps][:2] == ["resolve", "connect"]
    assert [s["ok"] for s in steps][:2] == [True, False]


def test_tags_reach_the_others(cluster):
    n1, n2 = cluster.manual(2)
    assert n1.ctl("tag", "set", "zone=a").code == 0
    wait_for(lambda: n2.members()[n1.name]["tags"] == {"zone": "a"}, 10, "the tag on n2")
    assert n1.ctl("tag", "unset", "zone").code == 0
    wait_for(lambda: n2.members()[n1.name]["tags"] == {}, 10, "no tag on n2")


def test_follow_events(cluster):
    n1, n2 = cluster.manual(2)
    follower = subprocess.Popen([cluster.build / "clusterctl", "--socket", n1.socket, "events", "--follow", "--json"],
                                stdout=subprocess.PIPE, text=True)
    try:
        n2.kill()
        lines, told = Lines(follower), None
        while told != ("node_stopped", n2.name):
            event = json.loads(lines.next())
            told = event["kind"], event["node"]
    finally:
        follower.kill()
        follower.wait()


def test_mode_is_the_clusters(cluster):
    n1, n2 = cluster.manual(2)
    assert "manual" in n1.ctl("cluster", "mode").out
    assert n1.ctl("cluster", "mode", "auto").code == 0
    wait_for(lambda: "auto" in n2.ctl("cluster", "mode").out, 10, "the mode on n2")


def test_worker_restart_by_command(cluster):
    node = cluster.node(1, cluster__discovery_strategy="static", cluster__static__seeds="[n1@127.0.1.1]").start()
    worker = wait_for(lambda: node.child("clusterd-worker-static"), 10, "a worker")
    assert node.ctl("workers", "restart", "static").code == 0
    wait_for(lambda: (w := node.child("clusterd-worker-static")) and w.pid != worker.pid, 10, "another worker")
