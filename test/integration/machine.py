"""How long this machine stood still: what a bound of seconds has to be forgiven.

A sleeper on each processor notes when it woke and how late that was. A machine that is loaded, or that its host has
stopped for a moment, delays nodes in the same way, and a promise of theirs is kept in the time that was left. Nothing is
forgiven on a machine that had time: there a bound is what its test says.
"""

import os
import pathlib
import struct
import subprocess
import sys
import time

NAP_S = 0.02
COUNTS_S = 0.01  # what is late by less is every sleeper's due
RECORD = struct.Struct("dd")  # the wall clock on waking, seconds late

notes = []  # a file for each sleeper


def sleep_and_note(processor):
    """The sleeper: does not return."""
    os.sched_setaffinity(0, {processor})
    while True:
        due = time.monotonic() + NAP_S
        time.sleep(NAP_S)
        os.write(1, RECORD.pack(time.time(), time.monotonic() - due))


def start(directory):
    """Starts the sleepers; returns what ends them."""
    sleepers = []
    for processor in sorted(os.sched_getaffinity(0)):
        notes.append(pathlib.Path(directory) / f"lateness-{processor}")
        with open(notes[-1], "wb") as out:
            sleepers.append(subprocess.Popen([sys.executable, __file__, str(processor)], stdout=out,
                                             stdin=subprocess.DEVNULL))

    def stop():
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
        notes.clear()

    return stop


def records(note):
    data = note.read_bytes()
    return list(RECORD.iter_unpack(data[:len(data) // RECORD.size * RECORD.size]))


def lateness(begun, until):
    """How late each sleeper was each time between two wall clocks, if it counts; waits until all have seen the end."""
    late = []
    for note in notes:
        patience = time.monotonic() + 10
        while not (known := records(note)) or known[-1][0] < until:
            assert time.monotonic() < patience, f"the sleeper that writes {note} is gone"
            time.sleep(NAP_S)
        late += [min(woke, until) - max(woke - s, begun) for woke, s in known
                 if s > COUNTS_S and woke > begun and woke - s < until]
    return late


def stood_still(begun, until):
    """Seconds that a chain of processes may have lost between two wall clocks."""
    return min(sum(lateness(begun, until)), until - begun)


def paused(begun, until):
    """The longest time in which a process did not run though it would have."""
    return max(lateness(begun, until), default=0)


def kept(seconds, begun, until, what):
    """A promise: between these wall clocks went no more than that, but for what the machine stood still."""
    took = until - begun
    if took > seconds:
        still = stood_still(begun, until)
        assert took - still <= seconds, f"{what}: after {took:.3f} s, of which the machine stood still for {still:.3f}; " \
            f"{seconds} s are promised"
        print(f"{what}: after {took:.3f} s, of which the machine stood still for {still:.3f}")
    return took


if __name__ == "__main__":
    sleep_and_note(int(sys.argv[1]))
