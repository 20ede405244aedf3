"""What a decoder may do; each is called in a process of its own (tests/unit/io/test_apart.py)."""

from __future__ import annotations

import ctypes
import os
import time


class Panic(BaseException):
    """As the panics of Rust arrive: no Exception."""


def fill(out, *, value):
    out[...] = value


def number_of_process(out):
    out[...] = os.getpid()


def chatter(out):
    os.write(1, b'{"id": 0}\nnot an answer\n')
    print("neither is this")
    out[...] = 7


def complain(out, *, text):
    raise ValueError(text)


def panic(out):
    raise Panic("called Option::unwrap() on a None value")


def leave(out, *, code):
    os._exit(code)


def crash(out):
    ctypes.string_at(0)


def sleep(out):
    time.sleep(600)


def spin_in_c(out):
    """A loop that never gives the interpreter lock back."""
    sum(range(10**13))


def swell(out):
    held = []
    while True:
        held.append(bytearray(2**26))


def refuse(out, *, path):
    from sagittal.errors import LimitExceeded

    raise LimitExceeded("TOO_MUCH", path, "it asks for too much", "leave it out")
