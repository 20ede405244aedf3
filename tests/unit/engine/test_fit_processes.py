"""Workers that die, Ctrl-C at a terminal, a full disk, two processes under torchrun: for real."""

from __future__ import annotations

import contextlib
import csv
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from sagittal.engine.checkpoint import load
from sagittal.engine.fit import Hooks
from sagittal.errors import StorageFailure

SCRIPT = Path(__file__).with_name("_fitting.py")
fitting = SimpleNamespace(**runpy.run_path(str(SCRIPT)))

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on Windows"),
]


@pytest.fixture
def started() -> Iterator[object]:
    """Starts the script in a session of its own; whatever is left of it is ended after the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: object, program: tuple[str, ...] = (sys.executable,)) -> subprocess.Popen[str]:
        given = [*program, str(SCRIPT), *map(str, arguments)]
        processes.append(subprocess.Popen(given, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return processes[-1]

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _workers(pid: int, *, timeout_s: float = 60) -> list[psutil.Process]:
    """The two processes that load data, once they are there."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = [p for p in _family(pid) if "spawn_main" in " ".join(_command(p))]
        if len(found) >= 2:
            return found
        time.sleep(0.05)
    pytest.fail("the workers never came")


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _gone(processes: list[psutil.Process], *, within_s: float) -> bool:
    return not psutil.wait_procs(processes, timeout=within_s)[1]


def _wait_for(path: Path, *, timeout_s: float = 90) -> None:
    end = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def test_a_killed_worker_is_said_within_half_a_minute_and_leaves_no_orphans(started, tmp_path: Path) -> None:
    process = started(tmp_path, "--workers", 2, "--lame", 0.3)
    workers = _workers(process.pid)
    workers[0].kill()
    begun = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - begun < 30
    assert process.returncode == 8
    assert errors.strip().splitlines()[-1].startswith("WORKER_DIED")
    assert _gone(workers, within_s=10)


@pytest.mark.slow
def test_a_run_goes_on_after_a_worker_died(started, tmp_path: Path) -> None:
    fitting.run(tmp_path / "whole")
    process = started(tmp_path / "cut", "--workers", 2, "--lame", 0.02)
    _wait_for(tmp_path / "cut" / "checkpoints" / "last")
    _workers(process.pid)[1].kill()
    process.communicate(timeout=60)
    assert process.returncode == 8
    fitting.run(tmp_path / "cut", resume=True)
    # and any number of workers gives the same run
    assert fitting.kept(tmp_path / "cut") == fitting.kept(tmp_path / "whole")


@pytest.mark.slow
def test_workers_do_not_outlive_a_run_that_is_killed(started, tmp_path: Path) -> None:
    process = started(tmp_path, "--workers", 2, "--lame", 0.3)
    workers = _workers(process.pid)
    process.kill()
    process.communicate(timeout=60)
    assert _gone(workers, within_s=30)


def test_ctrl_c_at_a_terminal_reaches_the_workers_too(started, tmp_path: Path) -> None:
    process = started(tmp_path, "--workers", 2, "--lame", 0.05)
    _wait_for(tmp_path / "checkpoints" / "last")
    workers = _workers(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "INTERRUPTED" in errors
    assert "its state is saved" in errors
    assert _gone(workers, within_s=10)
    fitting.run(tmp_path, resume=True)


def test_a_disk_that_fills_up_ends_the_run_with_a_whole_checkpoint(small_disk: Path, tmp_path: Path) -> None:
    fitting.run(tmp_path / "whole")
    passed: list[str] = []

    def fill(point: str) -> None:
        passed.append(point)
        if passed.count("logged") == 3 and not (small_disk / "filler").exists():
            free = shutil.disk_usage(small_disk).free
            (small_disk / "filler").write_bytes(b"x" * (free - 4096))

    with pytest.raises(StorageFailure) as full:
        fitting.run(small_disk / "run", hooks=Hooks(reached=fill))
    assert full.value.exit_code == 9
    assert load(small_disk / "run" / "checkpoints" / "last").state["run"]["step"] > 0
    assert load(small_disk / "run" / "checkpoints" / "best")
    (small_disk / "filler").unlink()
    fitting.run(small_disk / "run", resume=True)
    assert fitting.kept(small_disk / "run") == fitting.kept(tmp_path / "whole")


def test_events_on_a_full_disk_end_the_run_like_everything_else(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 4096))
    settings = replace(fitting.FULL, epochs=200, stop=None)
    with pytest.raises(StorageFailure):
        fitting.run(tmp_path / "run", settings, hooks=Hooks(tensorboard=small_disk / "events"))


def _column(folder: Path, name: str) -> list[float]:
    with (folder / "log.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.parametrize("samples", [50, 49])
def test_two_processes_give_the_losses_of_one(samples: int, started, tmp_path: Path) -> None:
    # 49 samples in batches of 8: the last batch has one, and the second process none
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    process = started(tmp_path / "two", "--ranks", "--samples", samples, program=launcher)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    settings = replace(fitting.FULL, precision="fp32")
    one = fitting.run(tmp_path / "one", settings, model=fitting.network(norm=False, dropout=0.0), train=fitting.Pictures(samples, batch=8))
    for column in ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr"):
        assert _column(tmp_path / "two", column) == pytest.approx([row[column] for row in one.history], abs=2e-6)
    two = load(tmp_path / "two" / "checkpoints" / "best").model
    for name, tensor in one.model.state_dict().items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=2e-6)


@pytest.mark.slow
def test_two_processes_stop_together_and_go_on(started, tmp_path: Path) -> None:
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    process = started(tmp_path / "cut", "--ranks", "--die", "last:placed", 2, program=launcher)
    process.communicate(timeout=240)
    assert process.returncode != 0
    for folder in ("cut", "whole"):
        process = started(tmp_path / folder, "--ranks", "--resume", program=launcher)
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    assert fitting.kept(tmp_path / "cut") == fitting.kept(tmp_path / "whole")
