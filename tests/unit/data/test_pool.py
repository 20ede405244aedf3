"""Many items in several processes: in order, and gone with whoever asked."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from sagittal.data._pool import mapped


def test_answers_come_in_order_from_one_process_and_from_two():
    items = list(range(300))
    assert list(mapped(math.sqrt, items, workers=1)) == [math.sqrt(i) for i in items]
    assert list(mapped(_slow_root, items, workers=2)) == [math.sqrt(i) for i in items]


def _slow_root(number: int) -> float:
    time.sleep(0.02)
    return math.sqrt(number)


# Begins to read, says so, and would go on for a minute and more.
LONG = """
    import time
    from sagittal import cli
    from sagittal.data._pool import mapped
    import sagittal.verbs.list

    def long(*asked):
        for i, _ in enumerate(mapped(time.sleep, [0.02] * 5000, workers=2)):
            if i == 0:
                print("begun", flush=True)

    sagittal.verbs.list.list_parts = long
    cli.main(["list"])
    """


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
@pytest.mark.parametrize("after_s", [0.1, 0.6, 0.9, 2.5])
def test_ctrl_c_ends_every_process_at_once_and_without_a_traceback(after_s):
    command = [sys.executable, "-c", textwrap.dedent(LONG)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(after_s)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith("INTERRUPTED ")
    assert len(err.splitlines()) == 1
    assert all_gone(process.pid)


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal")
def test_processes_do_not_outlive_a_parent_that_was_killed():
    command = [sys.executable, "-c", textwrap.dedent(LONG)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True) as process:
        process.stdout.readline()
        time.sleep(3)
        process.kill()
    assert all_gone(process.pid)


def all_gone(group: int, within_s: float = 15) -> bool:
    """Whether a process group ends in time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
