"""Joins that are cut at each of their steps: where somebody's disk has just been written, where it is about to be, and
where the target says or hears something."""

import json

import pytest

import disk
from cluster import wait_for
from kv import digest, export, load, pairs, put, same_everywhere
from test_data import OFTEN_KILLED, leave, numbered, three_and_a_stranger, wholly_before_or_after

ENTRIES = 3000  # of 2 000 bytes: some parts
STEPS_MIN = 4  # parts of the copy, the join itself
LATE_S = 2  # what a node does for a join when that has been answered comes sooner
TARGET_WRITES_MIN = 2
TARGET_MESSAGES_MIN = 10


def joined(node):
    running, stopped = node.view()
    return len(running) + len(stopped) > 1


def back_to_the_beginning(nodes, joiner, own):
    leave(joiner)
    load(joiner, numbered(10, prefix="own"))
    assert digest(joiner) == own
    joiner.cluster.agree(nodes)


def kill_at_each_step(nodes, joiner, victim, killed_at, steps_min):
    """The victim dies at the first step of a join, of another one at the second, until there are no more steps."""
    target, theirs, own, first_joined = nodes[-1], digest(nodes[0]), digest(joiner), None

    def looks_well():
        joiner.cluster.agree(nodes + [joiner] * joined(joiner), timeout=60)
        wholly_before_or_after(nodes, joiner, joined(joiner), own, theirs)
        assert all(digest(n) == theirs for n in nodes), "an entry was lost"

    for step in range(1, 1000):
        with killed_at(step) as tracer:
            with joiner.ctl_open("cluster", "join", target.name) as join:
                join.communicate(timeout=60)
            tracer.met.wait(LATE_S)
        victim.wait_ready()
        looks_well()
        if not tracer.met.is_set():
            assert joined(joiner) and step > steps_min, f"only {step} steps"
            print(f"{step - 1} steps, it was a member from the {first_joined}. on")
            return
        if joined(joiner):
            first_joined = first_joined or step
        else:
            answer = joiner.ctl("cluster", "join", target.name)
            assert answer.code == 0, (step, answer)
            looks_well()
        back_to_the_beginning(nodes, joiner, own)
    raise AssertionError("it never ends")


def kill_joiner_at_each_flush(cluster, after):
    nodes, joiner = three_and_a_stranger(cluster, 0)
    load(nodes[0], numbered(ENTRIES, size=2000))
    same_everywhere(nodes)
    kill_at_each_step(nodes, joiner, joiner, lambda step: disk.killed_at(joiner, step, after), STEPS_MIN)


def test_a_joiner_that_dies_at_any_step_is_wholly_before_or_after(cluster):
    kill_joiner_at_each_flush(cluster, after=False)


@pytest.mark.long
def test_a_joiner_that_dies_behind_any_step_is_wholly_before_or_after(cluster):
    kill_joiner_at_each_flush(cluster, after=True)


def a_target_and_a_stranger(cluster):
    """Nobody but the target has what it has."""
    target, joiner = [cluster.node(i, **OFTEN_KILLED).start() for i in (1, 2)]
    load(target, numbered(300))
    load(joiner, numbered(10, prefix="own"))
    return target, joiner


@pytest.mark.parametrize("after", [False, True], ids=["before", "behind"])
def test_a_target_that_dies_at_any_write_has_lost_nothing(cluster, after):
    target, joiner = a_target_and_a_stranger(cluster)
    kill_at_each_step([target], joiner, target,
                      lambda step: disk.killed_at(target, step, after, disk.WRITES), TARGET_WRITES_MIN)


@pytest.mark.long
def test_a_target_that_dies_at_any_message_has_lost_nothing(cluster):
    target, joiner = a_target_and_a_stranger(cluster)
    kill_at_each_step([target], joiner, target,
                      lambda step: disk.killed_at_message(target, step, joiner), TARGET_MESSAGES_MIN)


def test_a_copy_goes_on_where_it_broke_off(net):
    """The connection breaks in the middle, held there by the joiner's disk, and is taken up again."""
    nodes = net.manual(2)
    load(nodes[0], numbered(ENTRIES, size=2000))
    theirs = same_everywhere(nodes)
    joiner = net.node(3).start()
    put(joiner, "own", "1")
    with disk.stalled(joiner) as tracer:
        join = joiner.ctl_open("cluster", "join", nodes[0].name, "--json")
        wait_for(tracer.met.is_set, 20, "the first part is on its way to the disk")
        net.isolate(joiner)
    lines = []
    while (line := join.stdout.readline()) and "entries_total" not in line:
        lines.append(line)
    assert json.loads(line)["entries"] < ENTRIES, (lines, line)
    net.heal()
    out, _ = join.communicate(timeout=60)
    assert join.returncode == 0, lines + [line, out]
    net.agree([*nodes, joiner])
    assert export(joiner) == theirs
    (backup,) = (joiner.data_dir / "backup").glob("*-join.kv")
    assert pairs(backup.read_text()) == {"own": "1"}
    told = [json.loads(text) for text in out.splitlines() if "entries_total" in text]
    assert all(t["entries"] <= t["entries_total"] == ENTRIES and 0 <= t["percent"] <= 100 for t in told), told


def test_what_is_known_when_the_others_dont_answer(cluster):
    nodes = cluster.static(3, **OFTEN_KILLED)
    put(nodes[0], "before", "1")
    others = [n.membership for n in nodes[1:]]
    for process in others:
        process.kill(disk.signal.SIGSTOP)
    try:
        late = nodes[0].ctl("kv", "put", "k", "v", "--timeout", "1s")
    finally:
        for process in others:
            process.kill(disk.signal.SIGCONT)
    assert late.code == 1 and "durable here, not yet elsewhere" in late.err, late
    cluster.agree(nodes)
    assert pairs(same_everywhere(nodes)) == {"before": "1", "k": "v"}
