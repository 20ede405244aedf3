"""A lock is held by one process at a time, and goes with it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from sagittal.io.lock import locked

HOLD = """
import pathlib, sys, time
from sagittal.io.lock import locked

with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_holder_leaves_the_lock_free(tmp_path):
    path = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with locked(path, wait_s=0) as mine:
            assert not mine
        holder.kill()
        holder.wait()
    with locked(path, wait_s=0) as mine:
        assert mine


def test_a_lock_is_waited_for(tmp_path):
    path = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD.replace("60", "0.3"), str(path)], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with locked(path, wait_s=30) as mine:
            assert mine
        holder.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files that are open")
def test_whoever_waits_for_a_lock_that_is_removed_holds_the_new_one(tmp_path):
    path = tmp_path / "gone" / "a.lock"
    got = threading.Event()

    def wait() -> None:
        with locked(path), locked(path, wait_s=0) as second:
            assert not second
            got.set()

    waiter = threading.Thread(target=wait)
    with locked(path):
        waiter.start()
        time.sleep(0.2)
        path.unlink()
        path.parent.rmdir()
        assert not got.is_set()
    waiter.join(timeout=30)
    assert got.is_set() and path.is_file()
