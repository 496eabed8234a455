"""One worker by itself: the test plays the supervisor on descriptor 3 and the membership on descriptor 4."""

import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import time

import msgpack

import machine

DEFAULTS = {
    "cluster.discovery_strategy": "",
    "cluster.name": "emqxcl",
    "cluster.proto_dist": "inet_tcp",
    "log.level": "debug",
    "log.format": "logfmt",
}


class Timeout(AssertionError):
    pass


def frame(method, *params):
    body = msgpack.packb([2, method, list(params)])
    return struct.pack(">I", len(body)) + body


class Frames:
    """The messages that come out of a descriptor."""

    def __init__(self, fd):
        self.fd, self.buffer = fd, b""
        os.set_blocking(fd, False)

    def read(self):
        """Yields what is there; None at the end of the stream."""
        while True:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                yield None
                return
            self.buffer += data
            while len(self.buffer) >= 4:
                n = struct.unpack(">I", self.buffer[:4])[0]
                if len(self.buffer) < 4 + n:
                    break
                kind, method, params = msgpack.unpackb(self.buffer[4:4 + n])
                assert kind == 2
                self.buffer = self.buffer[4 + n:]
                yield method, params


class Worker:
    """A running worker. candidates: its last whole set, as (name, host, port, source); health: its last word."""

    def __init__(self, build, strategy, section, node="emqx@127.0.0.1", log=None, launcher=(), program=None):
        self.node = node
        self.section = {**DEFAULTS, "cluster.discovery_strategy": strategy, "node.name": node,
                        "node.bind_address": node.partition("@")[2] if node[-1].isdigit() else "", **section}
        ours, theirs = socket.socketpair()
        report, reported = os.pipe()
        self.log_path = log
        self.log_file = open(log, "ab") if log else None
        # Out of the way of 3 and 4 first.
        fds = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (theirs.fileno(), reported)]
        self.process = subprocess.Popen(
            [*launcher, *(program or [build / "libexec" / f"clusterd-worker-{strategy}"])], stdin=subprocess.DEVNULL,
            stderr=self.log_file, env={}, pass_fds=(3, 4),
            preexec_fn=lambda: (os.dup2(fds[0], 3), os.dup2(fds[1], 4)))
        for fd in fds:
            os.close(fd)
        theirs.close()
        os.close(reported)
        self.supervision = ours
        self.report_fd = report
        self.orders, self.reports = Frames(ours.fileno()), Frames(report)
        self.open = {ours.fileno(): self.orders, report: self.reports}
        self.candidates, self.health, self.ready, self.reloaded = None, None, False, None
        self.parts, self.sets, self.beats = [], 0, 0
        self.healths = []
        ours.sendall(frame("setup", self._text(), node))

    def _text(self):
        def escaped(value):
            return value.replace("\\", "\\\\").replace("\n", "\\n")
        return "".join(f"{key}={escaped(value)}\n" for key, value in self.section.items())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.supervision.close()
        self.close_report()
        if self.log_file:
            self.log_file.close()

    def close_report(self):
        if self.report_fd >= 0:
            self.open.pop(self.report_fd, None)
            os.close(self.report_fd)
            self.report_fd = -1

    @property
    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def reload(self, **section):
        self.section.update({key.replace("__", "."): value for key, value in section.items()})
        self.reloaded = None
        self.supervision.sendall(frame("reload", self._text(), self.node))
        return self.wait(lambda: self.reloaded, 10, "answer to reload")

    def _take(self, message):
        method, params = message
        if method == "candidates":
            generation, part, last, items = params
            assert part == len(self.parts)
            self.parts.append(items)
            if last:
                self.candidates = [tuple(item) for items in self.parts for item in items]
                self.parts, self.sets = [], self.sets + 1
        elif method == "health":
            self.health = dict(zip(("ok", "found_self", "text", "detail", "last_sync_ms"), params))
            self.healths.append(self.health)
        elif method == "ready":
            self.ready = True
        elif method == "reloaded":
            self.reloaded = params
        elif method == "beat":
            self.beats += 1
        else:
            raise AssertionError(f"unexpected {method}")

    def turn(self, timeout):
        """Handles what arrives within timeout."""
        readable, _, _ = select.select(list(self.open), [], [], timeout)
        for fd in readable:
            for message in self.open[fd].read():
                if message is None:
                    self.open.pop(fd)
                    break
                self._take(message)

    def wait(self, condition, timeout, what):
        """As wait_for() in cluster.py; also fails when the worker has ended and everything that it said is read."""
        begun, deadline, still = time.time(), time.monotonic() + timeout, 0
        while True:
            late, ended = time.monotonic() > deadline + still, not self.open and self.process.poll() is not None
            value = condition()
            if value:
                return value
            if late:
                still = machine.stood_still(begun, time.time())
            if ended or (late and time.monotonic() > deadline + still):
                raise Timeout(f"not within {timeout} s, and {still:.3f} that the machine stood still: {what}; candidates "
                              f"{self.candidates}, health {self.health}, exit {self.process.poll()}\n" +
                              (self.log[-3000:] if self.log_path else ""))
            self.turn(0.05)

    def wait_names(self, names, timeout=10):
        """Waits until the candidates are exactly these names."""
        names = sorted(names)
        self.wait(lambda: self.candidates is not None and sorted({c[0] for c in self.candidates}) == names, timeout,
                  f"candidates {names}")
        return self.candidates

    def wait_health(self, ok, text="", timeout=10):
        self.wait(lambda: self.health and self.health["ok"] == ok and
                  text in self.health["text"] + self.health["detail"], timeout, f"health {ok} {text!r}")
        return self.health

    def stop(self, timeout=15):
        """A clean stop; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < deadline:
            if self.open:
                self.turn(0.02)
            else:
                try:
                    self.process.wait(0.02)
                except subprocess.TimeoutExpired:
                    pass
        return self.process.poll()
