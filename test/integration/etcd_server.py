"""Debian's etcd for tests: one server on ports of its own, plain or with TLS and users, killed, frozen, emptied."""

import os
import shutil
import signal
import subprocess

from cluster import Unequal, wait_for
from dns_servers import free_port

USER, PASSWORD = "clusterd", 'pass "word" \\ ä'


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Pki:
    """An authority, a server's certificate for 127.0.0.1 and etcd.test, a client's without a CN (etcd's gateway refuses
    those with one), and one of another authority."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._authority("ca")
        self._authority("other-ca")
        self._leaf("server", "/CN=etcd.test", "ca", "subjectAltName=IP:127.0.0.1,DNS:etcd.test")
        self._leaf("client", "/O=clusterd", "ca", "extendedKeyUsage=clientAuth")
        self._leaf("named-client", "/CN=somebody", "ca", "extendedKeyUsage=clientAuth")
        self._leaf("stranger", "/O=stranger", "other-ca", "extendedKeyUsage=clientAuth")

    def __getitem__(self, name):
        return str(self.folder / name)

    def _key(self, name):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self[f"{name}.key"])

    def _authority(self, name):
        self._key(name)
        openssl("req", "-x509", "-new", "-key", self[f"{name}.key"], "-subj", f"/CN={name}", "-days", "2",
                "-out", self[f"{name}.pem"])

    def _leaf(self, name, subject, authority, extension):
        self._key(name)
        openssl("req", "-new", "-key", self[f"{name}.key"], "-subj", subject, "-out", self[f"{name}.csr"])
        (self.folder / f"{name}.ext").write_text(extension + "\n")
        openssl("x509", "-req", "-in", self[f"{name}.csr"], "-CA", self[f"{authority}.pem"], "-CAkey",
                self[f"{authority}.key"], "-CAcreateserial", "-days", "2", "-extfile", self[f"{name}.ext"],
                "-out", self[f"{name}.pem"])


class Etcd:
    def __init__(self, folder, pki=None, client_certificates=False):
        self.folder, self.pki, self.client_certificates = folder, pki, client_certificates
        self.port, self.peer_port = free_port(), free_port()
        self.process = None
        self.user = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self):
        return f"http{'s' if self.pki else ''}://127.0.0.1:{self.port}"

    def start(self):
        args = ["etcd", "--data-dir", str(self.folder / "data"), "--listen-client-urls", self.url,
                "--advertise-client-urls", self.url, "--listen-peer-urls", f"http://127.0.0.1:{self.peer_port}",
                "--initial-advertise-peer-urls", f"http://127.0.0.1:{self.peer_port}",
                "--initial-cluster", f"default=http://127.0.0.1:{self.peer_port}", "--log-level", "error",
                "--unsafe-no-fsync"]
        if self.pki:
            args += ["--cert-file", self.pki["server.pem"], "--key-file", self.pki["server.key"]]
        if self.client_certificates:
            args += ["--client-cert-auth", "--trusted-ca-file", self.pki["ca.pem"]]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(lambda: self.ctl("endpoint", "health", check=False, timeout_s=3).returncode == 0, 60, "etcd is healthy")
        return self

    def ctl(self, *args, check=True, timeout_s=30):
        command = ["etcdctl", f"--endpoints={self.url}", f"--command-timeout={timeout_s}s"]
        if self.pki:
            command += [f"--cacert={self.pki['ca.pem']}", f"--cert={self.pki['client.pem']}",
                        f"--key={self.pki['client.key']}"]
        if self.user:
            command.append(f"--user={self.user}")
        return subprocess.run([*command, *args], check=check, capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "ETCDCTL_API": "3"})

    def tree(self, prefix=""):
        """{key: value} of everything below prefix, once it answers."""
        def answer():
            run = self.ctl("get", "--prefix", prefix, check=False, timeout_s=3)
            return run if run.returncode == 0 else Unequal(run.stderr)

        lines = wait_for(answer, 20, "etcd answers").stdout.split("\n")
        return dict(zip(lines[0:-1:2], lines[1::2]))

    def add_user(self, grant="/emqxcl/", password=PASSWORD):
        """Authentication on; USER may do everything below grant."""
        self.ctl("user", "add", "root:root")
        self.ctl("user", "add", f"{USER}:{password}")
        self.ctl("role", "add", "nodes")
        self.ctl("role", "grant-permission", "nodes", "readwrite", "--prefix=true", grant)
        self.ctl("user", "grant-role", USER, "nodes")
        self.ctl("user", "grant-role", "root", "root")
        self.ctl("auth", "enable")
        self.user = "root:root"

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def forget(self):
        """An empty store at the next start."""
        shutil.rmtree(self.folder / "data")
        self.user = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()
