"""Restarts that don't come, or would not come back; and as root, in the sandbox."""

import pathlib

import pytest

from cluster import wait_for
from net import Watch, hold

ANNOUNCED_S = 10
AS_ROOT = ["unshare", "--user", "--map-root-user"]  # in a user namespace that has nobody else
FILTERED = "2"  # /proc/PID/status, Seccomp: by a filter


def membership_anew(node, before):
    def anew():
        child = node.membership
        return child is not None and child.pid != before

    wait_for(anew, 20, f"{node.name} has a new membership")
    node.wait_ready()


def test_announced_and_not_done(cluster):
    """Nobody restarts it: it takes that back before the others give it up."""
    nodes = cluster.manual(3)
    cluster.settle(nodes)
    watch = Watch(nodes)
    announced = nodes[2].ctl("restart", "--announce")
    assert announced.code == 0, announced
    hold(ANNOUNCED_S + 3, lambda: watch.changes() == [])


@pytest.mark.parametrize("args", [[], ["--announce"]], ids=["restart", "announce"])
@pytest.mark.parametrize(("key", "value"), [("log.level", "loud"), ("cluster.name", "othercl")])
def test_what_would_not_come_back_is_not_taken_down(cluster, key, value, args):
    nodes = cluster.manual(2)
    cluster.settle(nodes)
    node, other = nodes
    watch, before = Watch([other]), node.membership.pid
    good = node.conf_file.read_text()
    kept = [line for line in good.splitlines() if not line.startswith(key)]
    node.conf_file.write_text("\n".join([*kept, f"{key} = {value}", ""]))
    refused = node.ctl("restart", *args)
    assert refused.code == 1 and refused.out == "", refused
    assert "the node would not come back" in refused.err and key in refused.err, refused
    assert node.membership.pid == before
    assert other.members()[node.name]["state"] == "running", other.members()
    assert watch.changes() == []

    node.conf_file.write_text(good)
    done = node.ctl("restart")
    assert done.code == 0, done
    membership_anew(node, before)
    cluster.agree(nodes)
    assert watch.stops() == []


def test_restart_of_a_lone_node_is_answered(cluster):
    """Nothing keeps it from stopping at once: its answer goes out all the same."""
    node = cluster.node(1).start()
    for _ in range(5):
        before = node.membership.pid
        answer = node.ctl("restart")
        assert (answer.code, answer.first_line) == (0, "The node restarts."), answer
        membership_anew(node, before)


def status_of(process):
    lines = (process.proc / "status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def test_restart_as_root_in_the_sandbox(cluster, sanitized):
    nodes = [cluster.node(i) for i in (1, 2)]
    nodes[0].enter = AS_ROOT
    for node in nodes:
        node.start()
    joined = nodes[1].ctl("cluster", "join", nodes[0].name)
    assert joined.code == 0, joined
    cluster.agree(nodes)
    cluster.settle(nodes)
    root, other = nodes
    watch = Watch([other])

    def as_root_and_confined():
        inside = pathlib.Path(f"/proc/{root.membership.pid}/uid_map").read_text().split()
        assert inside[0] == "0", inside
        status = status_of(root.membership)
        assert sanitized or (status["Seccomp"].strip(), status["NoNewPrivs"].strip()) == (FILTERED, "1"), status

    as_root_and_confined()
    for _ in range(2):
        before = root.membership.pid
        answer = root.ctl("restart")
        assert (answer.code, answer.first_line) == (0, "The node restarts."), answer
        membership_anew(root, before)
        cluster.agree(nodes)
        as_root_and_confined()
    wait_for(lambda: [e.node for e in watch.events(other, "node_restarted")] == [root.name] * 2, 10, "both are told")
    assert watch.stops() == []
    assert "sandbox_failed" not in root.log()
