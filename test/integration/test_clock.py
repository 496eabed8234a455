"""A node whose wall clock is wrong: it is told, it orders no write of anybody, and it is a member like the others."""

import json
import re
import struct

import pytest

from cluster import Unequal, wait_for
from kv import get, pairs, put, same_everywhere

SKEWED = 600  # seconds; a minute is let pass


def set_clock(node, skew_s):
    node.skew_file.write_bytes(struct.pack("=q", skew_s))


@pytest.fixture
def nodes(cluster, sanitized):
    """Three that are not started; the wall clock of the last one's membership can be set wrong."""
    if sanitized:
        pytest.skip("a sanitizer wants to be the first library that is loaded")
    seeds = "[" + ", ".join(cluster.name(i) for i in (1, 2, 3)) + "]"
    nodes = [cluster.node(i, cluster__discovery_strategy="static", cluster__static__seeds=seeds) for i in (1, 2, 3)]
    wrong, shim = nodes[2], cluster.build / "skewed_clock.so"
    assert shim.exists(), "make integration builds it"
    wrong.skew_file = cluster.dir / "skew"
    libexec = cluster.dir / "libexec"
    libexec.mkdir()
    for program in (cluster.build / "libexec").iterdir():
        if program.is_file() and program.name != "clusterd-membership":
            (libexec / program.name).symlink_to(program)
    start = libexec / "clusterd-membership"
    start.write_text(f"#!/bin/sh\nSKEWED_CLOCK={wrong.skew_file} LD_PRELOAD={shim} "
                     f"exec {cluster.build}/libexec/clusterd-membership \"$@\"\n")
    start.chmod(0o755)
    wrong.env["CLUSTERD_LIBEXEC"] = str(libexec)
    return nodes


def clock_of(node):
    """(seconds from the others', too far off to write), as kv status has it."""
    status = node.ctl("kv", "status", "--json").json()
    return round(status["skew_ms"] / 1000), status["clock_wrong"]


def write(node, key, value):
    """On a node whose clock is right: as soon as it has heard of another such. Of two clocks none knows which is wrong."""
    def done():
        answer = node.ctl("kv", "put", key, value)
        assert answer.code == 0 or "clock" in answer.err, answer
        return answer.code == 0 or Unequal(answer)

    wait_for(done, 10, f"{node.name} writes")


def warned(node):
    return [w["text"] for w in node.status()["warnings"] if w["code"] == "clock_skew"]


@pytest.mark.parametrize("skew_s", [SKEWED, -SKEWED], ids=["ahead", "behind"])
def test_a_wrong_clock_is_told_and_writes_nothing(nodes, skew_s):
    *right, wrong = nodes
    set_clock(wrong, skew_s)
    for node in nodes:
        node.start()
    wrong.cluster.agree(nodes)
    write(right[0], "k", "1")

    wait_for(lambda: clock_of(wrong)[1] or Unequal(clock_of(wrong)), 10, "it is known that its clock is wrong")
    told = int(re.search(r"clock is (-?\d+) s from", warned(wrong)[0])[1])
    assert abs(clock_of(wrong)[0] - skew_s) <= 1 and abs(told - skew_s) <= 1, warned(wrong)
    assert "writes are refused" in wrong.ctl("kv", "status").out
    for command in ("put", "k", "2"), ("delete", "k"):
        refused = wrong.ctl("kv", *command)
        assert refused.code == 1 and "clock" in refused.err, refused
        assert json.loads(wrong.ctl("kv", *command, "--json").out)["error"]["code"] == "clock_wrong"
    assert "clock_skew" in [kind for kind, _ in wrong.event_kinds(0)]

    for node in right:
        write(node, f"of/{node.name}", "1")
        assert clock_of(node) == (0, False) and warned(node) == []
    assert len(pairs(same_everywhere(nodes))) == 3
    assert get(wrong, "k")["value"] == "1"

    set_clock(wrong, 0)
    put(wrong, "k", "2")
    wait_for(lambda: clock_of(wrong) == (0, False) and warned(wrong) == [], 10, "its clock is right")
    assert pairs(same_everywhere(nodes))["k"] == "2"


def test_what_was_written_by_a_wrong_clock_holds_back_nobody(nodes):
    """Alone it has nobody to be measured by. Who has seen its write writes over it, ten minutes before its time."""
    *right, wrong = nodes
    set_clock(wrong, SKEWED)
    wrong.start()
    for i in range(3):
        put(wrong, f"k/{i}", "from the future")
    for node in right:
        node.start()
    wrong.cluster.agree(nodes)
    assert len(pairs(same_everywhere(nodes))) == 3

    write(right[0], "k/0", "now")
    same_everywhere(nodes)
    write(right[1], "k/0", "later")
    answer = right[0].ctl("kv", "delete", "k/1")
    assert answer.code == 0, answer
    wait_for(lambda: same_everywhere(nodes).count("\n") == 3, 10, "the deletion is on all")
    assert pairs(same_everywhere(nodes)) == {"k/0": "later", "k/2": "from the future"}
    assert not get(wrong, "k/0")["conflict"]
    assert [clock_of(node) for node in right] == [(0, False)] * 2
