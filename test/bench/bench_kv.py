"""The shared data, measured through the control socket (test/bench/kv_load.c), puts beside etcd's on the same disk.

Puts: so many are under way at once, on up to 16 connections, each answered one followed by the next; random keys of
20 000. clusterd over the control socket of one node of n, etcd over gRPC at its leader; both without a client's TLS
(clusterd's nodes speak TLS among themselves, etcd's here don't). An answer means: n = 1: on disk; n = 3: on the disks of
two of three (clusterd's `majority` and etcd's quorum; clusterd's `one` is the default and the same at n = 3). The two take
turns, so that what else the machine does hits both; shown are the medians of the turns.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from cluster import Cluster, wait_for
from etcd_cluster import EtcdCluster

ACKS = {"local": 0, "one": 1, "majority": 2}
CONNECTIONS_MAX = 16
KEYS = 20_000
FIGURES = ("writes_s", "p50_us", "p90_us", "p99_us", "max_us")


class Disk:
    """Folders on the file system of the build: the tests' own is in memory, and nothing there is ever flushed."""

    def __init__(self, build):
        self.build = build
        run = subprocess.run([build / "clusterctl", "cookie", "generate"], capture_output=True, text=True, check=True)
        self.cookie = run.stdout.strip()

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.build, prefix="bench-"))
        self.cluster = DiskCluster(self.folder, self.build, self.cookie)
        return self

    def __exit__(self, *_):
        self.cluster.close()
        shutil.rmtree(self.folder)

    def load(self, what, *args):
        run = subprocess.run([self.build / "kv_load", what, *map(str, args)], capture_output=True, text=True)
        assert run.returncode == 0 and not run.stderr, run.stderr
        return json.loads(run.stdout)

    def fill(self, node, entries, value):
        self.load("clusterd", "--fill", "--keys", entries, "--value", value, "--outstanding", 256, "--connections",
                  CONNECTIONS_MAX, "--ack", ACKS["local"], node.socket)


class DiskCluster(Cluster):
    """Sockets stay in memory: a socket's path is short."""

    def node(self, number_or_name, **conf):
        sockets = tempfile.mkdtemp(dir=os.environ["CLUSTERD_TEST_DIR"])
        node = super().node(number_or_name, control__socket=f"{sockets}/ctl", log__level="info", **conf)
        node.socket = pathlib.Path(sockets) / "ctl"
        return node


# --- puts


def one_turn(disk, store, args, outstanding, value, *more):
    return disk.load(store, "--ms", args.ms, "--warm-up-ms", 200, "--keys", KEYS, "--outstanding", outstanding,
                     "--connections", min(outstanding, CONNECTIONS_MAX), "--value", value, *more)


def puts(disk, n, args):
    nodes = disk.cluster.static(n)
    disk.cluster.settle(nodes)
    with EtcdCluster(disk.folder / "etcd", n) as etcd:
        stores = {ack: ("clusterd", "--ack", ACKS[ack], nodes[0].socket)
                  for ack in (["local"] if n == 1 else ["one", "majority"])}
        stores["etcd"] = ("etcd", etcd.leader)
        for value in args.values:
            for outstanding in args.outstanding:
                turns = {name: [] for name in stores}
                for _ in range(args.turns):
                    for name, (store, *more) in stores.items():
                        turns[name].append(one_turn(disk, store, args, outstanding, value, *more))
                show_puts(n, value, outstanding, turns)


def show_puts(n, value, outstanding, turns):
    medians = {name: {f: statistics.median(t[f] for t in list_) for f in FIGURES} for name, list_ in turns.items()}
    etcd = medians.pop("etcd")
    for name, ours in [*medians.items(), ("etcd", etcd)]:
        beside = "" if name == "etcd" else (f"  {ours['writes_s'] / etcd['writes_s']:>5.2f}"
                                            f"  {ours['p99_us'] / etcd['p99_us']:>5.2f}")
        ms = "".join(f"{ours[f] / 1000:>8.2f}" for f in FIGURES[1:])
        print(f"{n:>2} {value:>6} {outstanding:>6}  {name:<9}{ours['writes_s']:>9.0f}{ms}{beside}", flush=True)


def all_puts(build, args):
    print(f"{'n':>2} {'bytes':>6} {'at once':>6}  {'':<8}{'puts/s':>9}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8} ms"
          "  puts/s and p99 as parts of etcd's")
    for n in args.nodes:
        with Disk(build) as disk:
            puts(disk, n, args)


# --- how long until all watchers see a put


def settled(disk, sockets):
    """A young cluster still closes links that it formed with, and opens an RPC connection where the first write goes."""
    return disk.load("spread", "--ms", 1000, "--pause-ms", 10, *sockets)["all"]["max_us"] < 100_000


def spread(build, args):
    print("\nfrom the begin of a put on one node to the last of n watchers, one on each node, 200 B")
    for n in args.watchers:
        with Disk(build) as disk:
            nodes = disk.cluster.static(n)
            disk.cluster.settle(nodes)
            sockets = [node.socket for node in nodes]
            wait_for(lambda disk=disk, sockets=sockets: settled(disk, sockets), 60, "writes spread without a hitch")
            run = disk.load("spread", "--ms", args.ms * 5, "--pause-ms", 10, *sockets)
        for what, label in (("all", "the last watcher"), ("acked", "the answer")):
            ms = "".join(f"  {f[:-3]} {run[what][f] / 1000:.2f}" for f in FIGURES[1:])
            budget = "  (budget: p99 20)" if what == "all" else ""
            print(f"n = {n:<3} {label:<17}{ms} ms of {run[what]['samples']} puts{budget}", flush=True)


# --- a joiner's copy


def copy(build, args):
    print("\na joiner's copy, from the command to both showing each other as running")
    for value, entries in ((4096, args.copy_mb * 250), (200, args.copy_mb * 2000)):
        with Disk(build) as disk:
            nodes = [disk.cluster.node(i, store__max_size="2gb").start() for i in (1, 2)]
            disk.fill(nodes[0], entries, value)
            begun = time.monotonic()
            answer = nodes[1].ctl("cluster", "join", nodes[0].name, timeout=300)
            took = time.monotonic() - begun
            assert answer.code == 0, answer
            there = [node.ask(lambda control: control.call("kv_status"))[0] for node in nodes]
            assert there == [entries, entries], f"{there} of {entries} entries"
        goal = "  (goal: 100 MB/s)" if value == 4096 else ""
        print(f"{entries} entries of {value} B: {took:.2f} s, {entries * value / took / 1e6:.0f} MB/s,"
              f" {entries / took:.0f} entries/s{goal}", flush=True)


# --- memory


def memory(build, args):
    with Disk(build) as disk:
        node = disk.cluster.node(1, store__max_size="2gb").start()
        before = node.membership.pss_kib
        disk.fill(node, args.entries, 200)
        kib = wait_for(lambda: node.membership.pss_kib, 5, "its memory")
    print(f"\n{args.entries} entries with keys of 14 B and values of 200 B: {kib / 1024:.0f} MiB,"
          f" {(kib - before) * 1024 / args.entries:.0f} B each", flush=True)


def numbers(text):
    return [int(n) for n in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--parts", default="puts,spread,copy,memory")
    parser.add_argument("--nodes", type=numbers, default=[1, 3])
    parser.add_argument("--values", type=numbers, default=[200, 1024])
    parser.add_argument("--outstanding", type=numbers, default=[1, 16, 64, 256])
    parser.add_argument("--watchers", type=numbers, default=[3, 30])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--ms", type=int, default=1000, help="of one turn")
    parser.add_argument("--copy-mb", type=int, default=200, help="200 MB are 50 000 values of 4 KiB")
    parser.add_argument("--entries", type=int, default=1_000_000)
    args = parser.parse_args()
    build = args.build.resolve()
    parts = {"puts": all_puts, "spread": spread, "copy": copy, "memory": memory}
    for part in args.parts.split(","):
        parts[part](build, args)


main()
