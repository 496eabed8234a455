"""What is configured of the shared data, and what commands promise of it: policies, quorum, limits, watchers, backups."""

import json

import pytest

from cluster import Lines, wait_for
from kv import export, get, load, pairs, put, same_everywhere
from net import formed, quorum


def split_write_heal(net, nodes, writes):
    """Each of two sides writes its own value of each key, and then they are one again."""
    net.split(nodes[:1], nodes[1:])
    net.agree(nodes[:1], stopped=nodes[1:])
    net.agree(nodes[1:], stopped=nodes[:1])
    for key, (one, other) in writes.items():
        put(nodes[0], key, one, "--ack", "local")
        put(nodes[-1], key, other, "--ack", "local")
    net.heal()
    net.agree(nodes)
    same_everywhere(nodes)


def test_policies_decide_without_a_conflict(net):
    policy = {"store__policy__max/": "max", "store__policy__set/": "union", "store__policy__last/": "lww"}
    conf = {f'store.policy."{key.split("__")[-1]}"': value for key, value in policy.items()}
    nodes = [net.node(i, cluster__discovery_strategy="static",
                      cluster__static__seeds="[" + ", ".join(net.name(k) for k in range(1, 4)) + "]") for i in range(1, 4)]
    for node in nodes:
        node.conf.update(conf)
        node.spawn()
    net.agree(nodes, timeout=60)
    formed(nodes)
    split_write_heal(net, nodes, {"max/n": ("9", "10"), "set/s": ("b\na", "a\nc"), "last/l": ("first", "second"),
                                  "other": ("1", "2")})
    for node in nodes:
        assert get(node, "max/n")["value"] == "10"
        assert get(node, "set/s")["value"].split() == ["a", "b", "c"]
        assert get(node, "last/l")["value"] == "second"
        assert [get(node, k)["conflict"] for k in ("max/n", "set/s", "last/l", "other")] == [False, False, False, True]
    put(nodes[1], "max/n", "3")
    assert get(nodes[1], "max/n")["value"] == "3", "a write that has seen the others stands"


def test_without_quorum_nothing_is_written_when_it_is_required(net):
    nodes = formed(net.static(3, store__require_quorum="true"))
    put(nodes[0], "before", "1")
    net.split(nodes[:1], nodes[1:])
    wait_for(lambda: quorum(nodes[0]) is False, 30, "the small side knows it")
    for command in ("put", "k", "v"), ("delete", "before"):
        answer = nodes[0].ctl("kv", *command, "--ack", "local")
        assert answer.code == 1 and "require_quorum" in answer.err, answer
    assert get(nodes[0], "before")["value"] == "1"
    put(nodes[1], "k", "large side")
    net.heal()
    net.agree(nodes)
    wait_for(lambda: quorum(nodes[0]), 30, "one again")
    put(nodes[0], "after", "1")
    assert len(pairs(same_everywhere(nodes))) == 3


def test_majority_waits_for_more_than_half_of_all_cores(net):
    nodes = formed(net.static(5))
    put(nodes[0], "all", "1", "--ack", "majority")
    net.split(nodes[:2], nodes[2:])
    net.agree(nodes[:2], stopped=nodes[2:])
    net.agree(nodes[2:], stopped=nodes[:2])
    put(nodes[0], "two", "1", "--ack", "one")
    late = nodes[0].ctl("kv", "put", "k", "v", "--ack", "majority", "--timeout", "3s", "--json")
    assert late.code == 1 and json.loads(late.out)["error"]["code"] == "timeout", late
    assert "durable on 2 of 5" in late.out, late
    put(nodes[3], "three", "1", "--ack", "majority")
    alone = nodes[0]
    net.split(nodes[:1], nodes[1:])
    net.agree([alone], stopped=nodes[1:])
    put(alone, "alone", "1", "--ack", "one")
    net.heal()
    net.agree(nodes)
    assert set(pairs(same_everywhere(nodes))) == {"all", "two", "k", "three", "alone"}


def test_a_full_map_says_so_and_takes_deletions(cluster):
    (node,) = cluster.manual(1)
    node.stop()
    node.conf["store.max_size"] = "1mb"
    node.start()
    answers = (node.ctl("kv", "put", f"k/{i}", "x" * 60_000) for i in range(30))
    full = next(a for a in answers if a.code != 0)
    assert full.code == 1 and "store.max_size" in full.err, full
    status = node.ctl("kv", "status", "--json").json()
    assert status["bytes"] <= status["max_bytes"] == 1 << 20
    assert node.ctl("kv", "delete", "k/0").code == 0
    put(node, "k/1", "smaller")
    put(node, "small", "y" * 1000)


def watch(node, *args):
    return node.ctl_open("kv", "watch", "--json", *args)


def test_a_watch_is_told_to_begin_anew_by_a_join(cluster):
    """The index is of the data that the join replaced."""
    nodes = cluster.manual(2)
    load(nodes[0], [(f"theirs/{i}", "1") for i in range(3)])
    same_everywhere(nodes)
    joiner = cluster.node(3).start()
    put(joiner, "own", "1")
    index = get(joiner, "own")["index"]
    follower = watch(joiner, "--from", index)
    lines = Lines(follower)
    put(joiner, "own", "2")
    assert json.loads(lines.next())["value"] == "2"
    answer = joiner.ctl("cluster", "join", nodes[0].name)
    assert answer.code == 0, answer
    told = [json.loads(lines.next()) for _ in range(4)]
    follower.kill()
    follower.wait()
    assert told[0]["kind"] == "anew" and {t["key"] for t in told[1:]} == {f"theirs/{i}" for i in range(3)}

    again = watch(joiner, "--from", index)
    lines = Lines(again)
    told = [json.loads(lines.next()) for _ in range(4)]
    assert told[0]["kind"] == "anew" and {t["key"] for t in told[1:]} == {f"theirs/{i}" for i in range(3)}
    again.kill()
    again.wait()
    plain = joiner.ctl_open("kv", "watch", "--from", index)
    assert "all keys follow" in Lines(plain).next()
    plain.kill()
    plain.wait()


def test_a_watch_goes_on_over_a_restart_of_all(cluster):
    nodes = cluster.static(3)
    put(nodes[0], "w/1", "1")
    same_everywhere(nodes)
    index = get(nodes[1], "w/1")["index"]
    for node in nodes:
        node.kill()
    for node in nodes:
        node.start()
    cluster.agree(nodes)
    put(nodes[2], "w/2", "2")
    again = watch(nodes[1], "--from", index)
    told = json.loads(Lines(again).next())
    again.kill()
    again.wait()
    assert (told["key"], told["value"]) == ("w/2", "2")


def test_the_last_backup_is_kept(cluster):
    nodes = cluster.manual(2)
    put(nodes[0], "theirs", "1")
    same_everywhere(nodes)
    joiner = cluster.node(3).start()
    seen = []
    for i in range(2):
        put(joiner, f"own/{i}", "1")
        own = export(joiner)
        # names have seconds
        answer = wait_for(lambda: (a := joiner.ctl("cluster", "join", nodes[0].name)).code == 0 and a, 20, "it joins")
        (backup,) = (joiner.data_dir / "backup").glob("*")
        assert backup.read_text() == own, answer
        seen.append(backup.name)
        answer = joiner.ctl("cluster", "leave")
        assert answer.code == 0, answer
        assert pairs(export(joiner)) == {}
    put(joiner, "own/2", "1")
    answer = joiner.ctl("cluster", "join", nodes[0].name, "--no-backup")
    assert answer.code == 0, answer
    assert [p.name for p in (joiner.data_dir / "backup").glob("*")] == seen[-1:]


def test_what_a_backup_has_can_be_imported(cluster):
    nodes = cluster.manual(1)
    joiner = cluster.node(2).start()
    put(joiner, "tab\tand\nline", "\\N")
    put(joiner, "own", "1")
    own = pairs(export(joiner))
    answer = joiner.ctl("cluster", "join", nodes[0].name)
    assert answer.code == 0, answer
    (backup,) = (joiner.data_dir / "backup").glob("*-join.kv")
    answer = joiner.ctl("kv", "import", str(backup))
    assert answer.code == 0, answer
    assert pairs(same_everywhere([nodes[0], joiner])) == own


@pytest.mark.parametrize("how", ["drop", "reject"])
def test_a_join_through_a_closed_rpc_port_fails_soon_and_says_why(net, how):
    nodes = net.manual(2)
    put(nodes[0], "theirs", "1")
    joiner = net.node(3).start()
    put(joiner, "own", "1")
    port = joiner.me()["rpc_port"] - 3 + 1  # of the first node, by the rule
    rule = "drop" if how == "drop" else "reject with tcp reset"
    rules = f"add table inet closed\nadd chain inet closed input {{ type filter hook input priority 0; }}\n" \
            f"add rule inet closed input tcp dport {port} {rule}\n"
    net.namespaces[1].run("nft", "-f", "-", text=rules)
    answer = joiner.ctl("cluster", "join", nodes[0].name, timeout=20)
    assert answer.code == 1 and str(port) in answer.err, answer
    print(answer)
    assert joiner.view() == ([joiner.name], [])
    assert pairs(export(joiner)) == {"own": "1"}
