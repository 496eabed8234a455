"""Real nodes for tests: N supervisors with their own data directories on addresses of 127.0.0.0/8.

A node is started, asked through clusterctl, and killed by pid. Nothing here sleeps for an effect: wait_for() polls a
condition until its deadline and then fails with what it saw last. What is to be compared with what will be later is
looked at when its nodes rest().
"""

import contextlib
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import threading
import time

import machine
from control import MOVES_BY_ITSELF, Control

# Nodes don't inherit the capabilities that the tests have inside their namespace.
UNPRIVILEGED = ["setpriv", "--inh-caps=-all", "--ambient-caps=-all"]
VALGRIND = ["valgrind", "--quiet", "--trace-children=yes", "--error-exitcode=9", "--leak-check=full", "--track-fds=yes"]
POLL_S = 0.01
CLUSTER_NAME = "testcl"
HEADER_LINES = 3  # of a dump: a key, its value, the end
LAP = re.compile(r"^ \\00log\\00\n (.*)\n", re.MULTILINE)  # in a dump: the key, its value
REST_S = 1.3  # a node keeps a changed record back for 1 s at most


class Timeout(AssertionError):
    pass


def wait_for(condition, timeout, what):
    """Returns the first true value of condition(); fails with its last value after timeout seconds, and what the machine
    stood still."""
    begun, deadline = time.time(), time.monotonic() + timeout
    while True:
        late = time.monotonic() > deadline
        value = condition()
        if value:
            return value
        if late:
            still = machine.stood_still(begun, time.time())
            if time.monotonic() > deadline + still:
                raise Timeout(f"not within {timeout} s, and {still:.3f} that the machine stood still: {what}; "
                              f"last seen: {value!r}")
        time.sleep(POLL_S)


def unescaped(text):
    """The bytes that mdb_dump -p shows as text."""
    return re.sub(rb"\\([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), text.encode())


def lap_of(dump):
    """What the records of the log begin with that this dump of its database has not taken over; None: it knows no log."""
    lap = LAP.search(dump)
    return lap and unescaped(lap[1])[9:]


def lap_begins(log, lap):
    """Where in kv/log the lap's records are: in one of its halves; None: there are none."""
    return next((at for at in (0, len(log) // 2) if lap is not None and log[at:at + len(lap)] == lap), None)


class Answer:
    """What one run of clusterctl gave."""

    def __init__(self, args, process):
        self.args, self.code, self.out, self.err = args, process.returncode, process.stdout, process.stderr

    def __repr__(self):
        return f"clusterctl {' '.join(self.args)}: exit {self.code}, out {self.out!r}, err {self.err!r}"

    @property
    def first_line(self):
        return self.out.split("\n", 1)[0]

    def json(self):
        assert self.code == 0, self
        return json.loads(self.out)


class Process:
    """A process that we can look at and kill, as the kernel knows it."""

    def __init__(self, pid):
        self.pid = pid
        self.proc = pathlib.Path("/proc") / str(pid)
        stat = self._stat()
        self.born = stat[19] if stat else None

    def _stat(self):
        """The fields of /proc/PID/stat behind the name, or None."""
        try:
            return (self.proc / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None

    @property
    def program(self):
        """The name of its executable; "" when it has ended or is about to become another one."""
        try:
            return os.path.basename(os.readlink(self.proc / "exe"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return ""

    @property
    def alive(self):
        """Still the same process, and more than a zombie."""
        stat = self._stat()
        return stat is not None and stat[19] == self.born and stat[0] not in "ZX"

    @property
    def held(self):
        """By SIGSTOP, or ended."""
        stat = self._stat()
        return stat is None or stat[0] in "TZX"

    @property
    def children(self):
        try:
            return [Process(int(pid)) for pid in (self.proc / f"task/{self.pid}/children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []

    @property
    def n_fds(self):
        return len(os.listdir(self.proc / "fd"))

    @property
    def pss_kib(self):
        return self.mapped_kib("Pss")

    @property
    def own_kib(self):
        """What it has written to: no pages of libraries, of which a process has more when others end."""
        return self.mapped_kib("Anonymous")

    def mapped_kib(self, what):
        for line in (self.proc / "smaps_rollup").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {what}")

    def kill(self, sig=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, sig)


class Node:
    def __init__(self, cluster, name, conf):
        self.cluster, self.name = cluster, name
        short, self.host = name.split("@")
        self.dir = cluster.dir / name.replace("@", "-").replace(":", "_")
        self.data_dir = self.dir / "data"
        self.conf_file = self.dir / "clusterd.conf"
        self.socket = self.dir / "ctl.sock"
        self.log_file = self.dir / "log"
        self.env = {}
        self.enter = []  # what takes its processes into another namespace
        self.conf = {
            "node.name": name,
            "node.cookie": cluster.cookie,
            "node.data_dir": self.data_dir,
            "node.bind_address": self.host,
            "cluster.name": CLUSTER_NAME,
            "cluster.discovery_strategy": "manual",
            "control.socket": self.socket,
            "log.level": "debug",
        } | conf
        self.process = None
        self.dir.mkdir(parents=True)
        self.data_dir.mkdir()

    # --- life

    def write_conf(self):
        lines = [f"{key} = {value}\n" for key, value in self.conf.items() if value is not None]
        self.conf_file.write_text("".join(lines))

    def spawn(self):
        """Starts the supervisor without waiting for anything."""
        assert not self.running, f"{self.name} runs already"
        self.write_conf()
        wrapper = VALGRIND if self.cluster.valgrind else []
        env = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=1"} | self.env
        with open(self.log_file, "ab") as log:
            self.popen = subprocess.Popen(
                [*self.enter, *UNPRIVILEGED, *wrapper, self.cluster.build / "clusterd", "-c", self.conf_file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=self.dir)
        self.process = Process(self.popen.pid)
        return self

    def start(self):
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self, timeout=20):
        def answers():
            assert self.popen.poll() is None, f"{self.name} exited with {self.popen.returncode}"
            status = self.ask(Control.status)
            return status is not None and not status["starting"]

        wait_for(answers, timeout, f"{self.name} answers")

    @property
    def running(self):
        return self.process is not None and self.popen.poll() is None

    def stop(self, timeout=15):
        """SIGTERM; returns the exit code."""
        self.process.kill(signal.SIGTERM)
        return self.popen.wait(timeout)

    def kill(self):
        """kill -9 of every process of the node."""
        processes = self.held_tree()
        for process in processes:
            process.kill()
        self.ended(processes)

    def kill_supervisor(self):
        """kill -9 of the supervisor; its children end by themselves."""
        processes = self.held_tree()
        self.process.kill()
        self.ended(processes)

    def held_tree(self):
        """The supervisor, stopped, and its children: between the look at them and its end it could start one more, which
        nobody would wait for, and which has the ports."""
        self.process.kill(signal.SIGSTOP)
        wait_for(lambda: self.process.held, 5, f"the supervisor of {self.name} stands still")
        return [self.process, *self.process.children]

    def ended(self, processes):
        """Waits until the node's processes are gone, and their ports free: who is killed doesn't end at once."""
        self.popen.wait()
        wait_for(lambda: not any(p.alive for p in processes), 5, f"no process of {self.name} is left")

    def child(self, program):
        """The child process of that program ("clusterd-membership"), or None while there is none."""
        return next((c for c in self.process.children if c.alive and c.program == program), None)

    @property
    def membership(self):
        return self.child("clusterd-membership")

    # --- what it says

    def ctl(self, *args, timeout=60):
        run = subprocess.run([self.cluster.build / "clusterctl", "--socket", self.socket, *args],
                             capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        return Answer(args, run)

    def ctl_open(self, *args):
        """The same, not waited for."""
        return subprocess.Popen([self.cluster.build / "clusterctl", "--socket", self.socket, *args],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)

    def ask(self, question):
        """question(control) on a connection of its own; None while there is nobody to ask."""
        try:
            with Control(self.socket) as control:
                return question(control)
        except OSError:
            return None

    def view(self):
        """(running, stopped) as cluster status has it, sorted; None while it can't be had."""
        return self.ask(Control.view)

    def members(self):
        return {m["name"]: m for m in self.ctl("members", "--json").json()}

    def status(self):
        return self.ctl("status", "--json").json()

    def me(self):
        return self.members()[self.name]

    def events(self, since=0):
        return self.ctl("events", "--since", str(since), "--json").json()

    def last_event(self):
        return self.ask(Control.status)["events_newest"]

    def told_since(self, mark):
        """(kind, node) of all events after that one, but for stalls of the process that the machine is to blame for."""
        return [(e.kind, e.node) for e in self.ask(lambda control: control.events(mark)) if not stall_of_machine(e)]

    def event_kinds(self, since):
        return [(e.kind, e.node) for e in self.ask(lambda control: control.events(since))]

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, text, timeout=10):
        wait_for(lambda: text in self.log(), timeout, f"{text!r} in the log of {self.name}")

    def stored(self):
        """What is in the data directory, as text, key by key. From copies: mdb_dump leaves a lock file beside it. A file
        of shared data with nothing but its header is as good as none; its log is a means, once nothing is there alone."""
        copy = self.dir / "copy.mdb"

        def dump(store):
            shutil.copy(store, copy)
            run = subprocess.run(["mdb_dump", "-n", "-p", copy], capture_output=True, text=True)
            if run.returncode != 0 or "DATA=END" not in run.stdout:
                return Unequal(run)
            lap = lap_of(run.stdout)
            if lap is not None and lap_begins(store.with_name("log").read_bytes(), lap) is not None:
                return Unequal("records in the log")
            return LAP.sub("", run.stdout)

        keys = {store: wait_for(lambda store=store: dump(store), 10, f"a copy of {store} that wasn't written to meanwhile")
                for store in self.data_dir.glob("*/data.mdb")}
        empty = {store for store, text in keys.items() if text.partition("HEADER=END\n")[2].count("\n") == HEADER_LINES}
        means = empty | {store.parent for store in empty} | set(self.data_dir.glob("kv/log"))
        files = {path for path in self.data_dir.rglob("*") if path not in means}
        return [keys[store] for store in sorted(keys.keys() - empty)], sorted(files)

    @property
    def store_file(self):
        return self.data_dir / "state" / "data.mdb"


def stall_of_machine(event):
    """Whether it tells that a process did not run because the machine stood still."""
    if event.kind != "self_stalled":
        return False
    stalled_s = int(re.search(r"did not run for (\d+) ms", event.text)[1]) / 1000
    at = event.time_ms / 1000
    return machine.stood_still(at - stalled_s, at) > stalled_s / 2


def rest(nodes, *more):
    """Waits until the nodes have equal records, and until neither these nor what the functions `more` return have
    changed for longer than a node keeps a change back: what is seen then stays. Returns the nodes' status."""
    seen, since = None, 0

    def rests():
        nonlocal seen, since
        begun, before = time.monotonic(), seen
        seen = [node.ask(still_status) for node in nodes], [look() for look in more]
        if seen != before:
            since = time.monotonic()
        shown, _ = seen
        equal = None not in shown and len({s["digest"] for s in shown}) == 1
        return equal and all(s["ready"] for s in shown) and begun - since > REST_S or Unequal(shown)

    wait_for(rests, 30, f"{[n.name for n in nodes]} rest")
    return seen[0]


def still_status(control):
    """What changes only when something happens."""
    return {key: value for key, value in control.status().items() if key not in MOVES_BY_ITSELF}


class Cluster:
    """The nodes of one test."""

    subnet = "127.0.1"

    def __init__(self, directory, build, cookie, valgrind=False):
        self.dir, self.build, self.cookie, self.valgrind = directory, build, cookie, valgrind
        self.nodes = []

    def name(self, number):
        return f"n{number}@{self.subnet}.{number}"

    def node(self, number_or_name, **conf):
        """A node that isn't started yet. 3 is n3@127.0.1.3. Keys of the configuration: dots as two underscores."""
        name = number_or_name if isinstance(number_or_name, str) else self.name(number_or_name)
        node = Node(self, name, {key.replace("__", "."): value for key, value in conf.items()})
        self.nodes.append(node)
        return node

    def manual(self, n):
        """n started nodes in one cluster by hand; n1 was first."""
        nodes = [self.node(i).start() for i in range(1, n + 1)]
        for node in nodes[1:]:
            answer = node.ctl("cluster", "join", nodes[0].name)
            assert answer.code == 0, answer
        self.agree(nodes)
        return nodes

    def static(self, n, **conf):
        """n started nodes that find each other by one list."""
        seeds = "[" + ", ".join(self.name(i) for i in range(1, n + 1)) + "]"
        nodes = [self.node(i, cluster__discovery_strategy="static", cluster__static__seeds=seeds, **conf)
                 for i in range(1, n + 1)]
        for node in nodes:
            node.spawn()
        self.agree(nodes, timeout=60)
        return nodes

    @staticmethod
    def agree(nodes, stopped=(), timeout=30):
        """Waits until each of the nodes shows exactly these as running, and those as stopped."""
        expected = sorted(n.name for n in nodes), sorted(n.name for n in stopped)
        for node in nodes:
            def agrees(node=node):
                assert node.running, f"{node.name} exited with {node.popen.returncode}"
                seen = node.view()
                return seen == expected or Unequal(seen)

            wait_for(agrees, timeout, f"{node.name} shows running {expected[0]}, stopped {expected[1]}")

    @staticmethod
    def settle(nodes):
        """Waits until the nodes, a whole cluster, have told all that there was to tell of each other and rest; returns
        their last events."""
        def told(node):
            others = {n.name for n in nodes if n is not node}
            running = {name for kind, name in node.event_kinds(0) if kind == "node_running"}
            return others <= running and node.ask(Control.status)["voters"] == len(nodes)

        for node in nodes:
            wait_for(lambda node=node: told(node), 30, f"{node.name} has told who runs")
        return [shown["events_newest"] for shown in rest(nodes)]

    def close(self):
        """Ends what is left, politely first, so that sanitizers can speak. Returns complaints."""
        complaints = []
        for node in self.nodes:
            if node.running:
                node.process.kill(signal.SIGCONT)
                node.process.kill(signal.SIGTERM)
        for node in self.nodes:
            if not node.running:
                continue
            try:
                if node.popen.wait(15) != 0:
                    complaints.append(f"{node.name}: exit {node.popen.returncode} on SIGTERM")
            except subprocess.TimeoutExpired:
                complaints.append(f"{node.name}: did not stop within 15 s")
                node.kill()
        for node in self.nodes:
            complaints += [f"{node.name}: {line}" for line in node.log().splitlines()
                           if "runtime error:" in line or "ERROR: AddressSanitizer" in line
                           or "ERROR: LeakSanitizer" in line or "Assertion" in line]
        return complaints


class Lines:
    """What a process prints, line by line, each waited for no longer than that."""

    def __init__(self, popen, timeout=30):
        self.timeout, self.queue = timeout, queue.Queue()
        threading.Thread(target=self._read, args=(popen.stdout,), daemon=True).start()

    def _read(self, out):
        for line in out:
            self.queue.put(line)
        self.queue.put(None)

    def next(self):
        try:
            line = self.queue.get(timeout=self.timeout)
        except queue.Empty:
            raise Timeout(f"no line within {self.timeout} s") from None
        assert line is not None, "the process has ended"
        return line


class Unequal:
    """A false value that shows what was seen instead."""

    def __init__(self, seen):
        self.seen = seen

    def __bool__(self):
        return False

    def __repr__(self):
        return repr(self.seen)
