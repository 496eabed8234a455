"""leave, force-leave and discovery enable."""

from cluster import rest, wait_for

LEFT = "Leave the cluster successfully."
REMOVED = "Remove the node from cluster successfully."
DISABLED = ("Automatic cluster discovery is disabled on this node: '{}' to avoid re-joining the same cluster again, "
            "if the node is not stopped soon. To enable it run: 'clusterctl cluster discovery enable'.")


def assert_out(cluster, out, members, stopped=()):
    """out is alone, and the members know nothing of it any more."""
    cluster.agree([out])
    cluster.agree(members, stopped=stopped)


def test_leave_stays_out_until_told_to_come_back(cluster):
    n1, n2, n3 = cluster.static(3)
    old_id = n3.me()["member_id"]

    answer = n3.ctl("cluster", "leave")
    assert answer.code == 0, answer
    assert answer.out.splitlines() == [DISABLED.format(n3.name), LEFT,
                                       "Cluster status: #{running_nodes => ['n3@127.0.1.3'],stopped_nodes => []}"]
    assert_out(cluster, n3, [n1, n2])

    assert n3.stop() == 0
    n3.start()
    wait_for(lambda: n3.ctl("workers", "--json").json()[0]["candidates"] == 2, 10, "n3 has its candidates again")
    assert "apart" in n3.ctl("status").out
    assert_out(cluster, n3, [n1, n2])

    answer = n3.ctl("cluster", "discovery", "enable")
    assert (answer.code, answer.out) == (0, "Automatic cluster discovery enabled.\n"), answer
    cluster.agree([n1, n2, n3])
    assert n3.me()["member_id"] != old_id


def test_leave_by_hand_and_join_again(cluster):
    n1, n2, n3 = cluster.manual(3)
    old_id = n3.me()["member_id"]
    answer = n3.ctl("cluster", "leave")
    assert (answer.code, answer.first_line) == (0, LEFT), answer
    assert_out(cluster, n3, [n1, n2])
    assert n3.ctl("cluster", "join", n1.name).code == 0
    cluster.agree([n1, n2, n3])
    assert n3.me()["member_id"] != old_id


def test_leave_of_one_alone(cluster):
    n1 = cluster.node(1).start()
    answer = n1.ctl("cluster", "leave")
    assert (answer.code, answer.out) == (1, "Failed to leave the cluster: node_not_in_cluster\n"), answer


def test_leave_with_nobody_reachable_changes_nothing(cluster):
    n1, n2 = cluster.manual(2)
    n2.kill()
    cluster.agree([n1], stopped=[n2])
    rest([n1], n1.stored)
    before = n1.stored()
    answer = n1.ctl("cluster", "leave")
    assert (answer.code, answer.out) == (1, "Failed to leave the cluster: node_not_in_cluster\n"), answer
    assert n1.stored() == before
    n2.start()
    cluster.agree([n1, n2])


def test_force_leave_of_a_running_node(cluster):
    n1, n2, n3 = cluster.static(3)
    cluster.settle([n1, n2, n3])
    answer = n1.ctl("cluster", "force-leave", n3.name)
    assert (answer.code, answer.first_line) == (0, REMOVED), answer
    assert_out(cluster, n3, [n1, n2])
    wait_for(lambda: "removed" in n3.ctl("status").out, 10, "n3 says that it was removed")


def test_force_leave_of_a_stopped_node(cluster):
    n1, n2, n3 = cluster.static(3)
    cluster.settle([n1, n2, n3])
    old_id = n3.me()["member_id"]
    n3.kill()
    cluster.agree([n1, n2], stopped=[n3])
    answer = n1.ctl("cluster", "force-leave", n3.name)
    assert (answer.code, answer.first_line) == (0, REMOVED), answer
    cluster.agree([n1, n2])

    n3.start()
    wait_for(lambda: "removed" in n3.ctl("status").out, 10, "n3 has learnt that it was removed")
    assert_out(cluster, n3, [n1, n2])
    assert old_id not in [m["member_id"] for m in n1.members().values()]


def test_force_leave_of_two_without_quorum(cluster):
    """The seed page's own example: two nodes, one of them gone."""
    n1, n2 = cluster.manual(2)
    wait_for(lambda: n1.status()["voters"] == 2, 10, "both count for quorum")
    n2.kill()
    cluster.agree([n1], stopped=[n2])
    answer = n1.ctl("cluster", "force-leave", n2.name)
    assert (answer.code, answer.first_line) == (0, REMOVED), answer
    assert "quorum" in answer.err
    cluster.agree([n1])


def test_force_leave_refusals(cluster):
    n1, n2 = cluster.manual(2)
    answer = n1.ctl("cluster", "force-leave", n1.name)
    assert (answer.code, answer.out) == (1, "Ignore.\n"), answer
    answer = n1.ctl("cluster", "force-leave", "n9@127.0.1.9")
    assert (answer.code, answer.out) == (1, "Failed to remove the node from cluster: node_not_in_cluster\n"), answer
    cluster.agree([n1, n2])


def test_departed_everywhere_after_the_absent_one_returns(cluster):
    """A member that was away while another was removed doesn't bring the removed one back."""
    n1, n2, n3, n4 = cluster.manual(4)
    n4.stop()
    n3.stop()
    cluster.agree([n1, n2], stopped=[n3, n4])
    assert n1.ctl("cluster", "force-leave", n3.name).code == 0
    cluster.agree([n1, n2], stopped=[n4])
    n4.start()
    cluster.agree([n1, n2, n4])
