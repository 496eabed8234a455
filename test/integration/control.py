"""A client of the control socket for what is asked often: MessagePack-RPC in frames, as common/ipc/ctl.h has it."""

import collections
import socket
import struct

import msgpack

NO_ID = bytes(16)
STATUS = ("node_name cluster_name version node_id member_id cluster_id cluster_created_ms incarnation session role "
          "strategies starting ready mode_auto singleton discovery_paused autoheal quorum running stopped voters "
          "voters_running apart apart_by busy store_failed waiting_heal stalls stall_ms_max digest events_newest "
          "uptime_ms frames_in frames_out bytes_in bytes_out warnings").split()
MOVES_BY_ITSELF = {"stalls", "stall_ms_max", "uptime_ms", "frames_in", "frames_out", "bytes_in", "bytes_out"}  # of STATUS
Event = collections.namedtuple("Event", "n boot time_ms kind severity node text")


class Control:
    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.last_id = 0
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def call(self, method, *params):
        """The result's fields; raises on an error response."""
        self.last_id += 1
        self.send_frame(msgpack.packb([0, self.last_id, method, list(params)]))
        while True:
            kind, *rest = msgpack.unpackb(self.next_frame())
            if kind == 1 and rest[0] == self.last_id:
                if rest[1] is not None:
                    raise OSError(f"{method}: {rest[1]}")
                return rest[2]

    def send_frame(self, body):
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def next_frame(self):
        while True:
            if len(self.received) >= 4:
                (n,) = struct.unpack(">I", self.received[:4])
                if len(self.received) >= 4 + n:
                    body, self.received = self.received[4:4 + n], self.received[4 + n:]
                    return body
            chunk = self.socket.recv(65536)
            if not chunk:
                raise ConnectionError("the daemon closed the control connection")
            self.received += chunk

    def view(self):
        """(running, stopped), each sorted: the first page, which a test's cluster fits."""
        _, more, nodes, _ = self.call("cluster_status", "", NO_ID)
        assert not more
        return sorted(n[0] for n in nodes if n[2]), sorted(n[0] for n in nodes if not n[2])

    def events(self, since=0):
        """What was told after that number."""
        found, more = [], True
        while more:
            _, more, _, _, page = self.call("events", since, False)
            found += [Event(*fields[:7]) for fields in page]
            since = found[-1].n if found else since
        return found

    def status(self):
        return dict(zip(STATUS, self.call("status")))
