"""A lock is held by one process at a time, and goes with it."""

from __future__ import annotations

import subprocess
import sys

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
