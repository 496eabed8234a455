"""Joining by hand, and each way in which a join is refused."""

import difflib
import pprint
import subprocess

import pytest

from cluster import rest
from control import MOVES_BY_ITSELF

JOINED = "Join the cluster successfully."


def failed(term):
    return f"Failed to join the cluster: {term}"


MOVES = MOVES_BY_ITSELF | {"events_newest", "rtt_ms", "rtt_us"}


def snapshot(node):
    """All that a refused join must leave as it was."""
    documents = [node.status(), *node.members().values()]
    still = [{key: value for key, value in d.items() if key not in MOVES} for d in documents]
    return node.view(), still, node.stored()


def assert_refused(joiner, target_name, text, reason, others=()):
    """The join fails with that first line and reason, exit 1, and nothing on the joiner, who may be in a cluster with
    others, has changed."""
    rest([joiner, *others], joiner.stored)
    before = snapshot(joiner)
    answer = joiner.ctl("cluster", "join", target_name)
    assert answer.code == 1, answer
    assert answer.out == text + "\n", answer
    assert reason in answer.err, answer
    after = snapshot(joiner)
    assert after == before, "\n".join(difflib.ndiff(*(pprint.pformat(s).splitlines() for s in (before, after))))


def test_three_nodes_join_by_hand(cluster):
    n1, n2, n3 = (cluster.node(i).start() for i in (1, 2, 3))
    for node in n1, n2, n3:
        assert node.view() == ([node.name], [])

    answer = n2.ctl("cluster", "join", n1.name)
    assert answer.code == 0, answer
    assert answer.out == (JOINED + "\n"
                          "Cluster status: #{running_nodes => ['n1@127.0.1.1','n2@127.0.1.2'],\n"
                          "                  stopped_nodes => []}\n"), answer
    assert n3.ctl("cluster", "join", n2.name).first_line == JOINED
    cluster.agree([n1, n2, n3])
    identities = {(n.status()["cluster_id"]) for n in (n1, n2, n3)}
    assert len(identities) == 1


def test_names_of_the_manual_page_resolve(cluster):
    """The seed page's own example, with its names."""
    first = cluster.node("emqx@node1.emqx.com", node__bind_address="127.0.2.1").start()
    second = cluster.node("emqx@node2.emqx.com", node__bind_address="127.0.2.2").start()
    assert second.ctl("cluster", "join", first.name).first_line == JOINED
    cluster.agree([first, second])
    answer = first.ctl("cluster", "status")
    assert answer.out == ("Cluster status: #{running_nodes =>\n"
                          "                      ['emqx@node1.emqx.com','emqx@node2.emqx.com'],\n"
                          "                  stopped_nodes => []}\n")


def test_joining_several_at_once(cluster):
    first = cluster.node(1).start()
    rest = [cluster.node(i).start() for i in range(2, 7)]
    joins = [subprocess.Popen([cluster.build / "clusterctl", "--socket", n.socket, "cluster", "join", first.name],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for n in rest]
    for join in joins:
        out, err = join.communicate(timeout=60)
        assert join.returncode == 0, (out, err)
    cluster.agree([first, *rest])


def test_two_that_join_each_other_end_in_one_cluster(cluster):
    n1, n2 = cluster.node(1).start(), cluster.node(2).start()
    joins = [subprocess.Popen([cluster.build / "clusterctl", "--socket", a.socket, "cluster", "join", b.name],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
             for a, b in ((n1, n2), (n2, n1))]
    results = [(*join.communicate(timeout=60), join.returncode) for join in joins]
    assert sorted(code for *_, code in results) in ([0, 0], [0, 1]), results
    cluster.agree([n1, n2])


class TestRefused:
    @pytest.fixture
    def pair(self, cluster):
        nodes = cluster.manual(2)
        cluster.settle(nodes)
        return nodes

    def test_self(self, cluster):
        n3 = cluster.node(3).start()
        assert_refused(n3, n3.name, "Ignore.", "")

    def test_nobody_listens(self, cluster):
        n3 = cluster.node(3).start()
        assert_refused(n3, "n9@127.0.1.9", failed("{node_down,'n9@127.0.1.9'}"), "refused")

    def test_name_does_not_resolve(self, cluster):
        n3 = cluster.node(3).start()
        assert_refused(n3, "n9@nowhere.invalid", failed("{node_down,'n9@nowhere.invalid'}"), "resolve")

    def test_member_already(self, pair):
        n1, n2 = pair
        assert_refused(n2, n1.name, failed("{already_in_cluster,'n1@127.0.1.1'}"), "member", others=[n1])

    def test_wrong_cookie(self, cluster, pair):
        n3 = cluster.node(3, node__cookie="some other cookie of decent length").start()
        assert_refused(n3, pair[0].name, failed("{node_down,'n1@127.0.1.1'}"), "cookie or cluster name")
        pair[0].wait_log("cookie or cluster name")

    def test_wrong_cluster_name(self, cluster, pair):
        n3 = cluster.node(3, cluster__name="othercl").start()
        assert_refused(n3, pair[0].name, failed("{node_down,'n1@127.0.1.1'}"), "cluster name")
        pair[0].wait_log("cluster name")

    def test_member_of_another_cluster(self, cluster, pair):
        n3, n4 = cluster.node(3).start(), cluster.node(4).start()
        assert n3.ctl("cluster", "join", n4.name).code == 0
        cluster.settle([n3, n4])
        assert_refused(n3, pair[0].name, failed("{already_in_cluster,'n3@127.0.1.3'}"), "leave",
                       others=[n4])

    def test_name_in_use(self, cluster, pair):
        impostor = cluster.node("n2@127.0.1.22", node__name="n2@127.0.1.2", node__advertise="127.0.1.22").start()
        assert_refused(impostor, pair[0].name, failed("{name_in_use,'n2@127.0.1.2'}"), "name")

    def test_joiner_is_singleton(self, cluster, pair):
        n3 = cluster.node(3, cluster__discovery_strategy="singleton").start()
        assert_refused(n3, pair[0].name, failed("singleton"), "singleton")

    def test_target_is_singleton(self, cluster):
        n1 = cluster.node(1, cluster__discovery_strategy="singleton").start()
        n3 = cluster.node(3).start()
        assert_refused(n3, n1.name, failed("singleton"), "singleton")

    def test_target_stands_apart(self, cluster, pair):
        assert pair[1].ctl("cluster", "leave").code == 0
        n3 = cluster.node(3).start()
        assert_refused(n3, pair[1].name, failed("{standing_apart,'n2@127.0.1.2'}"), "apart")

    def test_refused_once_joins_later(self, cluster):
        n1, n3 = cluster.node(1), cluster.node(3).start()
        assert_refused(n3, n1.name, failed("{node_down,'n1@127.0.1.1'}"), "refused")
        n1.start()
        assert n3.ctl("cluster", "join", n1.name).first_line == JOINED
        cluster.agree([n1, n3])

    def test_json_error(self, cluster):
        n3 = cluster.node(3).start()
        answer = n3.ctl("cluster", "join", "n9@127.0.1.9", "--json")
        assert answer.code == 1, answer
        assert '"ok"' in answer.out and "node_down" in answer.out and "refused" in answer.out, answer
