"""Debian's etcd as a cluster to be measured: everything as shipped, so each write is on disk before it is answered."""

import json
import os
import subprocess

from cluster import wait_for


class EtcdCluster:
    def __init__(self, folder, n):
        self.addresses = [f"127.0.2.{i}" for i in range(1, n + 1)]
        self.folder = folder
        self.processes = []
        folder.mkdir(parents=True)

    def __enter__(self):
        everybody = ",".join(f"{a}=http://{a}:2380" for a in self.addresses)
        for a in self.addresses:
            with open(self.folder / "log", "ab") as log:
                self.processes.append(subprocess.Popen(
                    ["etcd", "--name", a, "--data-dir", str(self.folder / a), "--log-level", "error",
                     "--listen-client-urls", f"http://{a}:2379", "--advertise-client-urls", f"http://{a}:2379",
                     "--listen-peer-urls", f"http://{a}:2380", "--initial-advertise-peer-urls", f"http://{a}:2380",
                     "--initial-cluster", everybody, "--initial-cluster-state", "new"],
                    stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        self.leader = wait_for(self._leader, 30, "a leader of etcd")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()

    def _leader(self):
        """HOST:PORT, once all have answered: writes sent to others would be passed on to it."""
        endpoints = ",".join(f"{a}:2379" for a in self.addresses)
        run = subprocess.run(["etcdctl", "--endpoints", endpoints, "endpoint", "status", "-w", "json"],
                             capture_output=True, text=True, check=False,
                             env={"PATH": os.environ["PATH"], "ETCDCTL_API": "3"})
        if run.returncode != 0:
            return None
        answers = json.loads(run.stdout)
        leaders = [a["Endpoint"] for a in answers if a["Status"]["leader"] == a["Status"]["header"]["member_id"]]
        return leaders[0] if len(answers) == len(self.addresses) and leaders else None
