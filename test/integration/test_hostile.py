"""Wrong input on every edge: it is refused and logged, nobody notices it, and memory stays bounded."""

import os
import signal
import socket
import ssl
import struct
import time

import pytest

import machine
import psk
from cluster import CLUSTER_NAME, wait_for
from control import Control

# From accept to hello 5 s are allowed (design §7).
HANDSHAKE_S = 5
SLACK_S = 1
EARLY_S = 0.1  # a loop's clock is that of its last turn
GROWTH_MAX_KIB = 4096


@pytest.fixture
def nodes(cluster, sanitized):
    """Two nodes that must not notice anything, and their first under fire."""
    nodes = cluster.static(2)
    marks = cluster.settle(nodes)
    membership, supervisor = nodes[0].membership, nodes[0].process
    before = membership.own_kib, membership.n_fds
    yield nodes
    assert membership.alive and supervisor.alive
    cluster.agree(nodes)
    for node, mark in zip(nodes, marks):
        assert [e for e in node.told_since(mark) if e[0] != "peer_refused"] == []
    wait_for(lambda: membership.n_fds <= before[1] + 1, 10, "its descriptors are closed again")
    if not sanitized:
        assert membership.own_kib < before[0] + GROWTH_MAX_KIB


def connect(port, node):
    return socket.create_connection((node.host, port), timeout=HANDSHAKE_S + 30)


def closed_in_time(s, begun):
    """The other end closes before a stranger's time is over; everything that it says is read."""
    try:
        while s.recv(65536):
            pass
    except ConnectionError:
        pass
    machine.kept(HANDSHAKE_S + SLACK_S, begun, time.time(), "the connection is closed")


def ends_in_time(client, begun):
    """The same for a client that is a process."""
    client.wait(HANDSHAKE_S + 30)
    machine.kept(HANDSHAKE_S + SLACK_S, begun, time.time(), "the client ends")
    client.communicate()


PORTS = [pytest.param(4371, id="dist"), pytest.param(5371, id="rpc")]


@pytest.mark.parametrize("port", PORTS)
def test_random_bytes(nodes, port):
    for size in 1, 5, 100, 65536:
        with connect(port, nodes[0]) as s:
            begun = time.time()
            try:
                s.sendall(b"\x16\x03\x01" + os.urandom(size))
                s.shutdown(socket.SHUT_WR)
            except OSError: # closed already
                pass
            closed_in_time(s, begun)
    nodes[0].wait_log("127.0.0.1")


@pytest.mark.parametrize("port", PORTS)
def test_silent_connections_are_closed_in_time(nodes, port):
    silent = [connect(port, nodes[0]) for _ in range(3)]
    begun = time.time()
    for s in silent:
        closed_in_time(s, begun)
        s.close()


@pytest.mark.parametrize("port", PORTS)
def test_slow_loris(nodes, port):
    """A byte now and then doesn't extend the deadline."""
    begun = time.monotonic()
    with connect(port, nodes[0]) as s:
        s.settimeout(0.2)
        hello = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))

        def closed():
            try:
                s.send(bytes([next(hello)]))
                return not s.recv(1)
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_for(closed, HANDSHAKE_S + SLACK_S, "the slow connection is closed")
        assert time.monotonic() - begun > HANDSHAKE_S - EARLY_S


@pytest.mark.parametrize("port", PORTS)
def test_tls_without_the_key(nodes, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        context.minimum_version = context.maximum_version = version
        with connect(port, nodes[0]) as s, pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(s)
    nodes[0].wait_log("event=connection_refused") # one line a second for an address
    assert 'reason="' in nodes[0].log()


@pytest.mark.parametrize("port", PORTS)
def test_flood_of_connections(cluster, port):
    """More than the pool of strangers holds; a member still gets in."""
    nodes = cluster.static(2)
    flood = []
    for _ in range(400):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((nodes[0].host, port))
        flood.append(s)
    nodes[1].membership.kill(signal.SIGKILL)
    nodes[1].wait_ready()
    cluster.agree(nodes)
    for s in flood:
        s.close()


INSIDE = {
    "garbage": b"\x00\x00\x00\x10" + b"\xc1" * 16,
    "empty frame": b"\x00\x00\x00\x00",
    "too long for a stranger": struct.pack(">I", 5000) + b"\x93" * 5000,
    "far too long": b"\xff\xff\xff\xff" + b"\x93\x02\xa5hello",
    "count without items": b"\x00\x00\x00\x05\xdd\xff\xff\xff\xff",
    "deep": struct.pack(">I", 4000) + b"\x91" * 4000,
    "another method first": b"\x00\x00\x00\x08\x93\x02\xa4ping\x90",
}


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("what", INSIDE)
def test_wrong_frames_with_the_right_key(nodes, cookie, port, what):
    client = psk.connect(nodes[0].host, port, cookie, CLUSTER_NAME)
    begun = time.time()
    client.stdin.write(INSIDE[what])
    client.stdin.flush()
    ends_in_time(client, begun)


@pytest.mark.parametrize("port", PORTS)
def test_half_frame_with_the_right_key(nodes, cookie, port):
    client = psk.connect(nodes[0].host, port, cookie, CLUSTER_NAME)
    begun = time.time()
    client.stdin.write(b"\x00\x00\x00\x20\x93\x02")
    client.stdin.flush()
    ends_in_time(client, begun)


CONTROL = INSIDE | {"random bytes": os.urandom(4096), "longer than any": struct.pack(">I", 1 << 21) + bytes(65536)}


@pytest.mark.parametrize("what", CONTROL)
def test_wrong_input_on_the_control_socket(nodes, what):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(nodes[0].socket))
        begun = time.time()
        try:
            s.sendall(CONTROL[what])
            s.shutdown(socket.SHUT_WR)
        except OSError: # closed already
            pass
        closed_in_time(s, begun)
    with Control(nodes[0].socket) as control:
        assert control.view()


def test_control_clients_that_never_read(nodes):
    clients = []
    for _ in range(20):
        control = Control(nodes[0].socket)
        control.socket.setblocking(False)
        clients.append(control)
        request = b"\x00\x00\x00\x0c\x94\x00\x01\xa6status\x90\xc0"[:-1]
        request = struct.pack(">I", len(request) - 4) + request[4:]
        try:
            for _ in range(2000):
                control.socket.sendall(request)
        except (BlockingIOError, ConnectionError):
            pass
    with Control(nodes[0].socket) as control:
        assert control.view()
    for control in clients:
        control.socket.close()


class TestWorkers:
    """A worker in place of ours, by CLUSTERD_LIBEXEC."""

    @pytest.fixture
    def with_worker(self, cluster):
        def make(script):
            libexec = cluster.dir / "libexec"
            libexec.mkdir()
            for program in (cluster.build / "libexec").iterdir():
                if program.is_file() and "worker-static" not in program.name:
                    (libexec / program.name).symlink_to(program)
            fake = libexec / "clusterd-worker-static"
            fake.write_text(f"#!/bin/sh\n{script}\n")
            fake.chmod(0o755)
            others = cluster.static(2)
            node = cluster.node(3, cluster__discovery_strategy="static", cluster__static__seeds="[n3@127.0.1.3]",
                                supervisor__worker_watchdog="1s")
            node.env["CLUSTERD_LIBEXEC"] = str(libexec)
            others[0].conf["cluster.static.seeds"] = "[n3@127.0.1.3]"
            return node.start()

        return make

    @pytest.mark.parametrize("script", [
        pytest.param("head -c 100000 /dev/urandom >&4; exec sleep 100", id="garbage-to-membership"),
        pytest.param("head -c 100000 /dev/urandom >&3; exec sleep 100", id="garbage-to-supervisor"),
        pytest.param("exec cat /dev/zero >&4", id="endless-zeros"),
        pytest.param("printf '\\377\\377\\377\\377' >&4; exec sleep 100", id="oversized-frame"),
        pytest.param("exec sleep 100", id="never-reads-nor-beats"),
        pytest.param("exit 0", id="leaves-at-once"),
    ])
    def test_bad_worker_is_restarted_alone(self, with_worker, sanitized, script):
        node = with_worker(script)
        membership = node.membership
        own = membership.own_kib
        wait_for(lambda: node.ctl("workers", "--json").json()[0]["restarts"] >= 2, 30, "it is restarted")
        assert membership.alive
        assert node.ctl("cluster", "status").code == 0
        assert "static" in node.log()
        if not sanitized:
            assert membership.own_kib < own + GROWTH_MAX_KIB
