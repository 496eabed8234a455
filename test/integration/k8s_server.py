"""A Kubernetes API server, as far as discovery sees one: recorded answers (test/fixtures/k8s), kept as objects that can
change, listed, paged and watched; tokens with rights; and the faults that its README tells of.

server = ApiServer("v1.36"); server.start(); server.set_slice({...}); server.token("secret", rights=...) …
"""

import contextlib
import copy
import http.client
import json
import pathlib
import re
import socket
import ssl
import threading
import time
import urllib.parse

from dns_servers import free_port

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "k8s"
SLICES, ENDPOINTS = "endpointslices", "endpoints"
ALL = {(verb, kind) for verb in ("get", "list", "watch") for kind in (SLICES, ENDPOINTS)}
COLLECTION = re.compile(r"^/(?:api/v1|apis/discovery\.k8s\.io/(v1|v1beta1))/namespaces/([^/]+)/(endpoints|endpointslices)"
                        r"(?:/([^/]+))?$")


class Refusal(Exception):
    """Ends a request with an answer of its own."""

    def __init__(self, status, body, headers=()):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, list(headers)


class ApiServer:
    def __init__(self, version="v1.36", tls=None, seed=True):
        self.version, self.tls = version, tls
        self.port = free_port()
        self.lock = threading.Condition()
        self.objects = {SLICES: {}, ENDPOINTS: {}}  # kind → name → object
        self.log = []  # (version, kind, type, object): what watches are fed from
        self.revision = 1000
        self.compacted = 0
        self.tokens = {"good": ALL}
        self.requests = []  # (time, path, token)
        self.piece = None  # bytes a write; None: all at once
        self.delay = 0  # seconds before an answer
        self.faults = []  # one fault for each of the next requests: a callable (path) that raises Refusal, or "cut", …
        self.bookmark_every = 60
        self.watch_seconds = None  # the server ends watches after that long
        self.page = None  # never more objects a page than that
        self.frozen = False
        self.connections = set()
        self.watches = 0
        self.socket = None
        if seed:
            for kind, name in ((SLICES, "es-list"), (ENDPOINTS, "ep-list")):
                for item in json.loads(self.sample(name))["items"]:
                    self.objects[kind][item["metadata"]["name"]] = item

    def sample(self, name):
        return (FIXTURES / self.version / f"{name}.json").read_bytes()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    # --- life

    def start(self):
        self.socket = socket.create_server(("127.0.0.1", self.port), backlog=64, reuse_port=False)
        self.alive = True
        threading.Thread(target=self._accept, args=(self.socket,), daemon=True).start()
        return self

    def kill(self):
        """As SIGKILL would: the port is closed and every connection is reset in the middle of what it does."""
        self.alive = False
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        with self.lock:
            connections = list(self.connections)
            self.lock.notify_all()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        if self.alive:
            self.kill()

    # --- what a test does to it

    def set(self, kind, obj):
        with self.lock:
            name = obj["metadata"]["name"]
            obj = copy.deepcopy(obj)
            self.revision += 1
            obj["metadata"].setdefault("namespace", "default")
            obj["metadata"]["resourceVersion"] = str(self.revision)
            known = name in self.objects[kind]
            self.objects[kind][name] = obj
            self.log.append((self.revision, kind, "MODIFIED" if known else "ADDED", obj))
            self.lock.notify_all()

    def delete(self, kind, name):
        with self.lock:
            obj = copy.deepcopy(self.objects[kind].pop(name))
            self.revision += 1
            obj["metadata"]["resourceVersion"] = str(self.revision)
            self.log.append((self.revision, kind, "DELETED", obj))
            self.lock.notify_all()

    def compact(self):
        with self.lock:
            self.revision += 1
            self.compacted = self.revision
            self.log.clear()
            self.lock.notify_all()

    def set_service(self, service, addresses, slice_size=100, hostnames=None):
        """One service's slices and Endpoints with just these addresses."""
        hostnames = hostnames or {}
        for family in ("IPv4", "IPv6"):
            mine = [a for a in addresses if (":" in a) == (family == "IPv6")]
            pieces = [mine[i:i + slice_size] for i in range(0, len(mine), slice_size)]
            for number in range(len(pieces)):
                self.set(SLICES, slice_of(service, f"{service}-{family.lower()}-{number}", family, pieces[number],
                                          hostnames))
            for name in list(self.objects[SLICES]):
                prefix, _, number = name.rpartition("-")
                if prefix == f"{service}-{family.lower()}" and int(number) >= len(pieces):
                    self.delete(SLICES, name)
        self.set(ENDPOINTS, endpoints_of(service, addresses, hostnames))

    # --- serving

    def _accept(self, listener):
        while self.alive:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with self.lock:
                self.connections.add(connection)
            stream = connection.makefile("rb")
            while self.alive and self._request(connection, stream):
                pass
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            with contextlib.suppress(OSError):
                connection.close()

    def _request(self, connection, stream):
        line = stream.readline(65536).decode()
        if not line:
            return False
        path = line.split(" ")[1]
        headers = http.client.parse_headers(stream)
        token = (headers.get("Authorization") or "").removeprefix("Bearer ")
        with self.lock:
            self.requests.append((time.monotonic(), path, token))
            fault = self.faults.pop(0) if self.faults else None
        while self.frozen and self.alive:
            time.sleep(0.01)
        if self.delay:
            time.sleep(self.delay)
        try:
            if fault == "cut":
                self._write(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"kind\":")
                return False
            if fault == "close":
                return False
            if callable(fault):
                fault(path)
            return self._answer(connection, path, token)
        except Refusal as refusal:
            self._whole(connection, refusal.status, refusal.body, refusal.headers)
            return True

    def _write(self, connection, data):
        if self.piece is None:
            connection.sendall(data)
            return
        for i in range(0, len(data), self.piece):
            connection.sendall(data[i:i + self.piece])

    def _whole(self, connection, status, body, headers=()):
        kind = "application/json" if body[:1] == b"{" else "text/plain; charset=utf-8"
        head = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}", f"Content-Type: {kind}",
                f"Content-Length: {len(body)}", *headers]
        self._write(connection, "\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def _refuse_like(self, name, headers=()):
        status = int((FIXTURES / self.version / f"{name}.hdr").read_text().split(" ")[1])
        raise Refusal(status, self.sample(name), headers)

    def _check(self, token, verb, kind, namespace, name):
        if token == "":
            self._refuse_like("err-403-anonymous")
        if token not in self.tokens:
            self._refuse_like("err-401-garbage-token")
        if (verb, kind) in self.tokens[token] and namespace == "default":
            return
        group = "discovery.k8s.io" if kind == SLICES else ""
        what = f'{kind}{"." + group if group else ""}' + (f' "{name}"' if name else "")
        raise Refusal(403, json.dumps({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": f'{what} is forbidden: User "system:serviceaccount:default:emqx" cannot {verb} resource '
                       f'"{kind}" in API group "{group}" in the namespace "{namespace}"',
            "reason": "Forbidden", "details": {"kind": kind}, "code": 403}).encode())

    def _answer(self, connection, path, token):
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        match = COLLECTION.match(url.path)
        if not match:
            self._refuse_like("err-404-path")
        version, namespace, kind, name = match.groups()
        if kind == SLICES and version != {"v1.36": "v1", "v1.20": "v1beta1"}[self.version]:
            self._refuse_like("err-404-apigroup")
        watch = query.get("watch") in ("1", "true")
        verb = "get" if name else "watch" if watch else "list"
        self._check(token, verb, kind, namespace, name)
        if watch:
            return self._watch(connection, kind, query)
        if name:
            with self.lock:
                obj = self.objects[kind].get(name)
            if obj is None:
                self._refuse_like("err-404-slice" if kind == SLICES else "err-404-endpoints")
            full = {"kind": "Endpoints" if kind == ENDPOINTS else "EndpointSlice",
                    "apiVersion": "v1" if kind == ENDPOINTS else f"discovery.k8s.io/{version}", **obj}
            self._whole(connection, 200, dumps(full))
            return True
        self._list(connection, kind, version, query)
        return True

    def _selected(self, kind, query):
        label = query.get("labelSelector", "").partition("=")
        field = query.get("fieldSelector", "").partition("=")

        def fits(obj):
            labels = obj["metadata"].get("labels", {})
            return (not label[0] or labels.get(label[0]) == label[2]) and \
                (not field[0] or obj["metadata"]["name"] == field[2])
        return fits

    def _list(self, connection, kind, version, query):
        with self.lock:
            revision = self.revision
            fits = self._selected(kind, query)
            names = sorted(name for name, obj in self.objects[kind].items() if fits(obj))
            token = query.get("continue", "")
            if token:
                at, _, after = token.partition("!")
                if not after:
                    self._refuse_like("err-400-badcontinue")
                if int(at) < self.compacted:
                    self._refuse_like("err-410-continue")
                revision = int(at)
                names = [name for name in names if name > after]
            limit = int(query.get("limit", "0")) or len(names)
            limit = min(limit, self.page or limit)
            meta = {"resourceVersion": str(revision)}
            if len(names) > limit:
                meta["continue"] = f"{revision}!{names[limit - 1]}"
                meta["remainingItemCount"] = len(names) - limit
            items = [self.objects[kind][name] for name in names[:limit]]
            body = dumps({"kind": "EndpointsList" if kind == ENDPOINTS else "EndpointSliceList",
                          "apiVersion": "v1" if kind == ENDPOINTS else f"discovery.k8s.io/{version}",
                          "metadata": meta, "items": items})
        self._whole(connection, 200, body)

    def _chunk(self, connection, obj):
        line = dumps(obj) + b"\n"
        self._write(connection, f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _watch(self, connection, kind, query):
        since = int(query.get("resourceVersion", "0"))
        seconds = self.watch_seconds or int(query.get("timeoutSeconds", "1800"))
        fits = self._selected(kind, query)
        self._write(connection, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n")
        if since < self.compacted:
            self._chunk(connection, json.loads(self.sample("err-410-watch-rv1")))
            self._write(connection, b"0\r\n\r\n")
            return True
        end = time.monotonic() + seconds
        bookmark = time.monotonic() + self.bookmark_every
        object_kind = {SLICES: "EndpointSlice", ENDPOINTS: "Endpoints"}[kind]
        with self.lock:
            self.watches += 1
            self.lock.notify_all()
        try:
            while self.alive and time.monotonic() < end:
                with self.lock:
                    news = [e for e in self.log if e[0] > since and e[1] == kind]
                    if not news:
                        self.lock.wait(min(0.05, max(0, end - time.monotonic())))
                for revision, _, event, obj in news:
                    since = revision
                    if fits(obj):
                        self._chunk(connection, {"type": event, "object": {"kind": object_kind, **obj}})
                if time.monotonic() > bookmark:
                    bookmark += self.bookmark_every
                    self._chunk(connection, {"type": "BOOKMARK", "object": {
                        "kind": object_kind, "metadata": {"resourceVersion": str(max(since, self.revision))}}})
            if self.alive:
                self._write(connection, b"0\r\n\r\n")
            return self.alive
        finally:
            with self.lock:
                self.watches -= 1


def dumps(obj):
    return json.dumps(obj, separators=(",", ":")).encode()


def slice_of(service, name, family, addresses, hostnames=()):
    endpoints = [{"addresses": [a], "conditions": {"ready": False}, **({"hostname": hostnames[a]} if a in hostnames
                                                                      else {})} for a in addresses]
    return {"metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}}, "addressType": family,
            "endpoints": endpoints or None, "ports": None}


def endpoints_of(service, addresses, hostnames=()):
    entries = [{"ip": a, **({"hostname": hostnames[a]} if a in hostnames else {})} for a in addresses]
    obj = {"metadata": {"name": service}}
    if entries:
        obj["subsets"] = [{"notReadyAddresses": entries[:1], "addresses": entries[1:]}]
    return obj


def server_tls(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class Account:
    """A service account's folder as Kubernetes mounts it: files behind links, replaced as a whole."""

    def __init__(self, folder, token, ca=None, namespace="default"):
        self.folder, self.number = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        self.files = {"token": token, "namespace": namespace}
        if ca:
            self.files["ca.crt"] = pathlib.Path(ca).read_text()
        self._write()

    def _write(self):
        self.number += 1
        data = self.folder / f"..data-{self.number}"
        data.mkdir()
        for name, text in self.files.items():
            (data / name).write_text(text)
        new = self.folder / "..data-new"
        new.symlink_to(data.name)
        new.rename(self.folder / "..data")
        for name in self.files:
            with contextlib.suppress(FileExistsError):
                (self.folder / name).symlink_to(f"..data/{name}")

    def rotate(self, token):
        self.files["token"] = token
        self._write()

    @property
    def launcher(self):
        """Starts a program that sees the folder where a pod has it."""
        script = ('mount -t tmpfs run /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount && '
                  f'mount --bind {self.folder} /run/secrets/kubernetes.io/serviceaccount && exec "$0" "$@"')
        return ["unshare", "--mount", "sh", "-c", script]
