"""clusterctl kv as an operator or a script uses it: bytes in and out, what is refused and how it is said, watching."""

import json
import subprocess

import pytest

from cluster import Lines, wait_for
from kv import HEADER, digest, export, get, put


def feed(node, data, *args):
    """A command with bytes on its standard input."""
    return subprocess.run([node.cluster.build / "clusterctl", "--socket", node.socket, "kv", *args], input=data,
                          capture_output=True, timeout=30)


@pytest.fixture
def node(cluster):
    return cluster.manual(1)[0]


def test_bytes_come_back_as_they_went_in(node):
    data = bytes(range(256)) * 256  # as long as a value may be
    assert feed(node, data, "put", "bin").returncode == 0
    assert feed(node, b"", "get", "bin").stdout == data
    assert get(node, "bin")["value"] is None and "value_base64" in get(node, "bin")
    longer = feed(node, data + b"x", "put", "bin")
    assert longer.returncode == 1 and b"64 KiB" in longer.stderr
    assert feed(node, b"", "get", "bin").stdout == data


def test_lists_and_their_escapes(node):
    for key in ("b", "a\nb", "a", "ab"):
        put(node, key, "v")
    assert node.ctl("kv", "list").out == "a\na\\nb\nab\nb\n"
    assert node.ctl("kv", "list", "-0", "--prefix", "a").out == "a\0a\nb\0ab\0"
    assert [o["key"] for o in node.ctl("kv", "list", "--json").json()] == ["a", "a\nb", "ab", "b"]
    assert node.ctl("kv", "list", "--prefix", "none", "--json").json() == []


def test_conditional_writes(node):
    put(node, "k", "1", "--if-version", "")
    taken = node.ctl("kv", "put", "k", "2", "--if-version", "")
    assert taken.code == 1 and "changed" in taken.err
    version = get(node, "k")["version"]
    put(node, "k", "2", "--if-version", version)
    stale = node.ctl("kv", "delete", "k", "--if-version", version, "--json")
    assert stale.code == 1 and json.loads(stale.out)["error"]["code"] == "version_differs"
    assert get(node, "k")["value"] == "2"


WRONG = [
    (("get", "none"), 1, "no such key"),
    (("get",), 2, "too few"),
    (("put", "", "v"), 2, "1 to 480 bytes"),
    (("put", "k" * 481, "v"), 2, "1 to 480 bytes"),
    (("put", "k", "v", "--ack", "all"), 2, "local|one|majority"),
    (("delete", "none"), 1, "no such key"),
    (("resolve", "there", "--pick", "2"), 1, "no number 2"),
    (("resolve", "there", "--pick", "0"), 2, "--pick"),
    (("watch", "--from", "garbage"), 1, "index"),
    (("import", "/nonexistent"), 1, "/nonexistent: No such file"),
]


@pytest.mark.parametrize("args, code, said", WRONG, ids=lambda v: " ".join(v)[:30] if isinstance(v, tuple) else "")
def test_what_is_wrong_is_said(node, args, code, said):
    put(node, "there", "1")
    answer = node.ctl("kv", *args)
    assert (answer.code, said in answer.err) == (code, True), answer
    assert get(node, "there")["value"] == "1"


BAD_FILES = [b"", b"a\tb\n", HEADER.encode() + b"a\n", HEADER.encode() + b"a\t\\q\n", HEADER.encode() + b"a\t1\nb\tcut o"]


@pytest.mark.parametrize("text", BAD_FILES, ids=["empty", "no header", "no value", "escape", "cut off"])
def test_a_file_that_is_none_is_refused_with_its_line(node, text):
    run = feed(node, text, "import", "-")
    assert run.returncode == 1 and b"line " in run.stderr, run
    assert get(node, "b") is None


def test_export_and_import(cluster):
    a, b = cluster.node(1).start(), cluster.node(2).start()
    feed(a, bytes(range(256)), "put", "bin")
    put(a, "tab\tand\nline", "\\N")
    put(a, "empty", "")
    text = export(a)
    assert feed(b, text.encode(), "import").returncode == 0
    assert digest(a) == digest(b)


def test_watch_goes_on_where_it_was(node):
    put(node, "w/1", "one")
    watch = node.ctl_open("kv", "watch", "--from", "0", "--prefix", "w/", "--json")
    lines = Lines(watch)
    first = json.loads(lines.next())
    put(node, "other", "x")
    put(node, "w/2", "two")
    second = json.loads(lines.next())
    watch.kill()
    watch.wait()
    assert [(i["key"], i["value"]) for i in (first, second)] == [("w/1", "one"), ("w/2", "two")]
    node.ctl("kv", "delete", "w/1")
    node.kill()
    node.start()
    again = node.ctl_open("kv", "watch", "--from", second["index"], "--prefix", "w/", "--json")
    third = json.loads(Lines(again).next())
    again.kill()
    again.wait()
    assert (third["key"], third["deleted"]) == ("w/1", True)


def test_each_command_speaks_json(node, tmp_path):
    written = node.ctl("kv", "put", "k", "1", "--json").json()
    assert (written["ok"], written["acked"]) == (True, 1) and written["version"]
    assert node.ctl("kv", "get", "k", "--json").json()["version"] == written["version"]
    assert node.ctl("kv", "list", "--json").json()[0]["key"] == "k"
    assert node.ctl("kv", "resolve", "k", "--json").json()["conflict"] is False
    assert node.ctl("kv", "status", "--json").json()["state"] == "ready"
    (tmp_path / "file").write_text(export(node))
    assert node.ctl("kv", "import", str(tmp_path / "file"), "--json").code == 0
    assert node.ctl("kv", "delete", "k", "--json").json()["ok"] is True
    for args in ("get", "k"), ("delete", "k"), ("resolve", "k"), ("repair",):
        refused = node.ctl("kv", *args, "--json")
        error = json.loads(refused.out)["error"]
        assert refused.code == 1 and error["code"] and error["text"], refused


def test_status(node):
    put(node, "a", "1")
    assert "disk          ok\n" in node.ctl("kv", "status").out
    status = node.ctl("kv", "status", "--json").json()
    assert (status["keys"], status["conflicts"], status["disk_error"]) == (1, 0, None)
    node.ctl("kv", "delete", "a")
    wait_for(lambda: node.ctl("kv", "status", "--json").json()["keys"] == 0, 10, "the key is gone")
