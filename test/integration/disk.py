"""Faults of one node's disk, as its writer meets them: that thread alone is traced, with those that it starts, and what
they ask of a file fails or doesn't return. No file system is needed that can do so, and the rest of the process runs as
ever. And deaths: at what the writer asks, or at what the loop says and hears."""

import contextlib
import ctypes
import ipaddress
import os
import platform
import signal
import threading
import time

import pytest

from cluster import wait_for

SEIZE, INTERRUPT, SYSCALL, DETACH, GETREGS, SETREGS = 0x4206, 0x4207, 24, 17, 12, 13
O_TRACESYSGOOD, O_TRACECLONE = 1, 8
WALL, WNOTHREAD = 0x40000000, 0x20000000
SYSCALL_STOP = signal.SIGTRAP | 0x80
EVENT_STOP = 128
FLUSHES = {74, 75}  # fsync fdatasync, x86-64
WRITES = {18, 20, 296, 328} | FLUSHES  # pwrite64 writev pwritev pwritev2
MESSAGES = {0, 1, 44, 45, 46, 47}  # read write sendto recvfrom sendmsg recvmsg
POLL_S = 0.001


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in
                "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
                "ds es fs gs".split()]


def ptrace(request, tid, data=0):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, tid, None, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x} of {tid}: {os.strerror(error)}")


def registers(tid):
    regs = Registers()
    ptrace(GETREGS, tid, ctypes.addressof(regs))
    return regs


class Tracer(threading.Thread):
    """Lets the traced threads run from system call to system call; tid is the one that has just stopped. All requests come
    from this one thread: the kernel asks for that."""

    def __init__(self, tid, meddle):
        super().__init__(daemon=True)
        self.tid, self.meddle = tid, meddle
        self.attached, self.met, self.end = threading.Event(), threading.Event(), threading.Event()
        self.failure = None

    def run(self):
        try:
            ptrace(SEIZE, self.tid, O_TRACESYSGOOD | O_TRACECLONE)
            ptrace(INTERRUPT, self.tid)
            self.attached.set()
            self.trace()
        except (OSError, ChildProcessError) as error:  # it may have ended meanwhile
            self.failure = error
            self.attached.set()

    def trace(self):
        inside, wrong = {self.tid: False}, {self.tid: False}
        while inside:
            self.tid, status = self.wait(inside)
            if not os.WIFSTOPPED(status):
                inside.pop(self.tid, None)
                continue
            stop = os.WSTOPSIG(status)
            if self.end.is_set() and not wrong.get(self.tid):
                ptrace(DETACH, self.tid)
                inside.pop(self.tid, None)
                continue
            inside.setdefault(self.tid, False)
            if stop == SYSCALL_STOP:
                inside[self.tid] = not inside[self.tid]
                wrong[self.tid] = self.meddle(self, inside[self.tid], wrong.get(self.tid, False))
            ptrace(SYSCALL, self.tid, stop if status >> 16 == 0 and stop != SYSCALL_STOP else 0)

    def wait(self, tids):
        asked = set()
        while True:
            tid, status = os.waitpid(-1, WALL | WNOTHREAD | os.WNOHANG)
            if tid != 0:
                return tid, status
            for tid in tids.keys() - asked if self.end.is_set() else ():
                asked.add(tid)
                with contextlib.suppress(ProcessLookupError):
                    ptrace(INTERRUPT, tid)
            time.sleep(POLL_S)


def writer_of(node):
    """The thread of membership that isn't its first, while it is the only other one: what it starts is traced from then
    on."""
    pid = node.membership.pid

    def others():
        return [int(t) for t in os.listdir(f"/proc/{pid}/task") if int(t) != pid]

    return wait_for(lambda: len(tids := others()) == 1 and tids[0], 10, "only the writer beside the loop")


# What a tracer does at a system call's begin (inside) or end; true while one is on its way that has to fail.

class Fail:
    def __init__(self, error):
        self.error = error

    def __call__(self, tracer, inside, wrong):
        regs = registers(tracer.tid)
        if inside and regs.orig_rax in WRITES:
            tracer.met.set()
            regs.rdi = 2**64 - 1  # no file: it does nothing
            ptrace(SETREGS, tracer.tid, ctypes.addressof(regs))
            return True
        if not inside and wrong:
            regs.rax = 2**64 - self.error
            ptrace(SETREGS, tracer.tid, ctypes.addressof(regs))
        return False


def hang(tracer, inside, _):
    if inside and registers(tracer.tid).orig_rax in WRITES:
        tracer.met.set()
        tracer.end.wait()
    return False


class Kill:
    """Before or after its n-th of these calls from now on."""

    def __init__(self, process, n, after, calls):
        self.process, self.n, self.after, self.calls = process, n, after, calls

    def counts(self, regs):
        return regs.orig_rax in self.calls

    def __call__(self, tracer, inside, _):
        if inside != self.after and self.counts(registers(tracer.tid)):
            self.n -= 1
            if self.n == 0:
                tracer.met.set()
                self.process.kill()
        return False


class KillAtMessage(Kill):
    """Before its n-th call that says something to a peer, or hears of it."""

    def __init__(self, process, n, host):
        super().__init__(process, n, False, MESSAGES)
        self.peer = ipaddress.IPv4Address(host).packed[::-1].hex().upper()

    def counts(self, regs):
        return super().counts(regs) and self.leads_there(regs.rdi)

    def leads_there(self, fd):
        """Whether it is a connection with that peer; once it was ended nobody knows."""
        with contextlib.suppress(FileNotFoundError):
            socket = os.readlink(self.process.proc / f"fd/{fd}").removeprefix("socket:[").removesuffix("]")
            fields = [line.split() for line in (self.process.proc / "net/tcp").read_text().splitlines()[1:]]
            return any(f[9] == socket and f[2].startswith(self.peer) for f in fields)
        return False


@contextlib.contextmanager
def traced(node, meddle, tid=None):
    if platform.machine() != "x86_64":
        pytest.skip("the registers of this machine are not known here")
    tracer = Tracer(tid or writer_of(node), meddle)
    tracer.start()
    tracer.attached.wait()
    assert tracer.failure is None, f"the node's disk can't be meddled with (kernel.yama.ptrace_scope?): {tracer.failure}"
    try:
        yield tracer
    finally:
        tracer.end.set()
        tracer.join(10)


def failing(node, error):
    """Inside, whatever the node writes to its disk fails with that errno."""
    return traced(node, Fail(error))


def stalled(node):
    """Inside, the disk never answers; afterwards it does what it was asked."""
    return traced(node, hang)


def killed_at(node, n, after, calls=FLUSHES):
    """Inside, its membership dies at its n-th flush, before or after it; `met` says whether there were so many."""
    return traced(node, Kill(node.membership, n, after, calls))


def killed_at_message(node, n, peer):
    """The same before the n-th call by which its loop sends something to a node or receives from it."""
    process = node.membership
    return traced(node, KillAtMessage(process, n, peer.host), process.pid)
