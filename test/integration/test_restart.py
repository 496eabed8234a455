"""Coming back: all at once, one missing, another name, a broken or locked data directory."""

import itertools
import subprocess

import pytest

from cluster import UNPRIVILEGED, wait_for

ORDERS = [(0, 1, 3), (3, 1, 0), (1, 3, 0)]


@pytest.mark.parametrize(("order", "how"), itertools.product(ORDERS, ("stop", "kill")))
def test_all_restart_with_one_missing(cluster, order, how):
    """A cluster made by hand, so that no discovery can help."""
    nodes = cluster.manual(4)
    for node in nodes:
        getattr(node, how)()
    for i in order:
        nodes[i].start()
    back = [nodes[i] for i in order]
    cluster.agree(back, stopped=[nodes[2]])
    nodes[2].start()
    cluster.agree(nodes)


def test_one_alone_shows_the_others_as_stopped(cluster):
    n1, n2, n3 = cluster.manual(3)
    for node in n1, n2, n3:
        node.stop()
    n1.start()
    cluster.agree([n1], stopped=[n2, n3])


def run_clusterd(node, *args):
    node.write_conf()
    return subprocess.run([*UNPRIVILEGED, node.cluster.build / "clusterd", "-c", node.conf_file, *args],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_second_daemon_on_a_data_directory(cluster):
    n1 = cluster.node(1).start()
    second = run_clusterd(n1)
    assert second.returncode == 1, second.stderr
    assert str(n1.process.pid) in second.stderr
    assert n1.view() == ([n1.name], [])


def test_foreign_name_is_refused_and_rename_helps(cluster):
    n1, n2 = cluster.manual(2)
    before = n1.status()
    n1.stop()
    n1.conf["node.name"] = "renamed@127.0.1.1"
    refused = run_clusterd(n1)
    assert refused.returncode != 0
    for text in "n1@127.0.1.1", "renamed@127.0.1.1", "--rename", "--new-identity":
        assert text in refused.stderr, refused.stderr

    renamed = run_clusterd(n1, "--rename")
    assert renamed.returncode == 0, renamed.stderr
    n1.name = "renamed@127.0.1.1"
    n1.start()
    cluster.agree([n1, n2])
    after = n1.status()
    assert (after["node_id"], after["member_id"]) == (before["node_id"], before["member_id"])


def test_other_cluster_name_is_refused(cluster):
    n1 = cluster.node(1).start()
    n1.stop()
    n1.conf["cluster.name"] = "othercl"
    refused = run_clusterd(n1)
    assert refused.returncode != 0
    assert "testcl" in refused.stderr and "othercl" in refused.stderr


def test_new_identity_of_a_copied_directory(cluster):
    n1, n2 = cluster.manual(2)
    before = n1.status()
    n1.stop()
    fresh = run_clusterd(n1, "--new-identity")
    assert fresh.returncode == 0, fresh.stderr
    n1.start()
    cluster.agree([n1])
    after = n1.status()
    assert after["node_id"] != before["node_id"]
    assert after["member_id"] != before["member_id"]
    cluster.agree([n2], stopped=[n1])


@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_broken_data_directory_is_an_error(cluster, damage):
    """Neither a crash nor a silent fresh start."""
    n1 = cluster.node(1).start()
    n1.stop()
    size = n1.store_file.stat().st_size
    with open(n1.store_file, "r+b") as f:
        if damage == "truncated":
            f.truncate(100)
        else:
            f.write(b"\xa5" * size)
    damaged = n1.store_file.read_bytes()
    n1.spawn()
    wait_for(lambda: n1.popen.poll() is not None, 20, "it gives up")
    assert n1.popen.returncode in (1, 78)
    assert str(n1.data_dir) in n1.log()
    assert n1.store_file.read_bytes() == damaged


def test_unwritable_data_directory_is_an_error(cluster):
    n1 = cluster.node(1)
    n1.data_dir.chmod(0o500)
    refused = run_clusterd(n1)
    assert refused.returncode in (1, 78)
    assert str(n1.data_dir) in refused.stderr
