"""A run that is killed, at whatever moment, goes on to the very bytes of the undisturbed one."""

from __future__ import annotations

import multiprocessing
import random
import runpy
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).with_name("_fitting.py")
fitting = SimpleNamespace(**runpy.run_path(str(SCRIPT)))

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on Windows"),
]

WRITING = ["model.safetensors:tensor", "model.safetensors", "state.json", "SHA256SUMS", "filled", "aside", "placed", "done"]
POINTS = ["step", "trained", "validated", "logged", "last:optimizer.safetensors", *(f"{d}:{w}" for d in ("best", "last") for w in WRITING)]

QUICK = {
    "step",
    "validated",
    "logged",
    "last:model.safetensors:tensor",
    "last:filled",
    "last:aside",
    "last:placed",
    "best:aside",
    "best:placed",
}


def _mostly_slow(points: list[str]) -> list[object]:
    return [pytest.param(p, marks=[] if p in QUICK else pytest.mark.slow) for p in points]


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torch._dynamo", "torch._inductor.config", "sagittal.engine.fit"])

    def start(*arguments: object) -> BaseProcess:
        # a process that has torch already: a fork of a server that never computed
        process = context.Process(target=runpy.run_path, args=(str(SCRIPT), {"ARGUMENTS": [str(a) for a in arguments]}, "__main__"))
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def undisturbed(processes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    process = processes(folder)
    process.join()
    assert process.exitcode == 0
    return fitting.kept(folder)


def _resumed(folder: Path) -> dict[str, bytes]:
    fitting.run(folder, resume=True)
    leftovers = [p.name for p in (folder / "checkpoints").iterdir() if p.name.startswith(".")]
    assert leftovers == []
    return fitting.kept(folder)


@pytest.mark.parametrize("point", _mostly_slow(POINTS))
def test_killed_at_any_point_of_the_loop_and_of_writing_a_checkpoint(point: str, processes, undisturbed, tmp_path: Path) -> None:
    process = processes(tmp_path, "--die", point, 3 if point in {"step", "best:placed", "last:aside", "last:SHA256SUMS"} else 2)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert _resumed(tmp_path) == undisturbed


@pytest.mark.parametrize("point", _mostly_slow(["step", "best:filled", "best:placed", "last:filled", "last:model.safetensors"]))
def test_killed_before_there_was_any_checkpoint_before(point: str, processes, undisturbed, tmp_path: Path) -> None:
    process = processes(tmp_path, "--die", point, 1)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert _resumed(tmp_path) == undisturbed


@pytest.mark.parametrize("moment", [pytest.param(i, marks=[] if i < 3 else pytest.mark.slow) for i in range(20)])
def test_killed_at_a_random_moment(moment: int, processes, undisturbed, tmp_path: Path) -> None:
    process = processes(tmp_path)
    begun = time.monotonic()
    while not (tmp_path / "checkpoints").exists() and process.is_alive() and time.monotonic() - begun < 60:
        time.sleep(0.002)
    time.sleep(random.Random(moment).uniform(0.0, 0.5))
    process.kill()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    assert _resumed(tmp_path) == undisturbed


def test_killed_again_and_again(processes, undisturbed, tmp_path: Path) -> None:
    kills = 0
    while True:
        process = processes(tmp_path, "--resume", "--die", "step", 7)
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        kills += 1
    assert kills > 2
    assert fitting.kept(tmp_path) == undisturbed
