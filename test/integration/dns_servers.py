"""Name servers for tests: two real ones with the same records, and one that misbehaves on demand."""

import contextlib
import itertools
import os
import signal
import socket
import struct
import subprocess
import threading

from cluster import wait_for


# Below those that the kernel gives to whoever asks for any: else the client of a server that is down may get its port.
ports = itertools.count(20000)


def free_port():
    """A port for UDP and TCP that is nobody else's in this namespace, also while its server is down."""
    return next(ports)


def tcp_answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Server:
    """records: a list of (name, type, ttl, data) as in a zone file, names without the final dot, below cluster.test."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.records = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self, records):
        self.records = records
        self.write()
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(lambda: tcp_answers(self.port), 30, f"{self.command()[0]} answers")
        return self

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def change(self, records):
        self.records = records
        self.write()
        self.process.send_signal(signal.SIGHUP)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


class Dnsmasq(Server):
    """Takes addresses from a file that a signal makes it read again; SRV and CNAME come with the start."""

    def command(self):
        args = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                f"--port={self.port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=",
                f"--addn-hosts={self.folder}/hosts", "--local=/cluster.test/", "--log-facility=-"]
        if os.geteuid() == 0:
            args.append("--user=root")
        ttls = {ttl for _, _, ttl, _ in self.records} or {5}
        args.append(f"--local-ttl={min(ttls)}")
        for name, kind, _, data in self.records:
            if kind == "SRV":
                priority, weight, port, target = data.split()
                args.append(f"--srv-host={name},{target.rstrip('.')},{port},{priority},{weight}")
            elif kind == "CNAME":
                args.append(f"--cname={name},{data.rstrip('.')}")
        return args

    def write(self):
        lines = [f"{data} {name}\n" for name, kind, _, data in self.records if kind in ("A", "AAAA")]
        (self.folder / "hosts").write_text("".join(lines))


class Knot(Server):
    serial = 0

    def command(self):
        return ["knotd", "-c", str(self.folder / "knot.conf")]

    def write(self):
        self.serial += 1
        (self.folder / "knot.conf").write_text(
            f"server:\n  rundir: {self.folder}\n  listen: 127.0.0.1@{self.port}\n  udp-workers: 1\n"
            f"  tcp-workers: 1\n  background-workers: 1\n"
            f"database:\n  storage: {self.folder}\nlog:\n  - target: stderr\n    any: info\n"
            f"zone:\n  - domain: cluster.test\n    file: {self.folder}/zone\n    journal-content: none\n"
            f"    zonefile-load: whole\n")
        lines = [f"cluster.test. 5 SOA ns.cluster.test. admin.cluster.test. {self.serial} 5 5 60 5\n",
                 "cluster.test. 5 NS ns.cluster.test.\nns.cluster.test. 5 A 127.0.0.1\n"]
        lines += [f"{name}. {ttl} {kind} {data}\n" for name, kind, ttl, data in self.records]
        (self.folder / "zone").write_text("".join(lines))


def answer(query, addresses, ttl=5, rcode=0):
    """A whole answer to one A question."""
    ident, = struct.unpack(">H", query[:2])
    question = query[12:query.index(b"\0", 12) + 5]
    out = struct.pack(">HHHHHH", ident, 0x8180 | rcode, 1, len(addresses), 0, 0) + question
    for address in addresses:
        out += struct.pack(">HHHIH", 0xC00C, 1, 1, ttl, 4) + socket.inet_aton(address)
    return out


class Faulty:
    """A UDP name server whose answers are what the test says: reply(query) → bytes, or None to stay silent."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.reply = lambda query: None
        self.asked = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if query == b"stop":
                return
            self.asked += 1
            out = self.reply(query)
            if out is not None:
                self.socket.sendto(out, client)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"stop", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()
