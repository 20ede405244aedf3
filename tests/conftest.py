"""Fixtures that every test may ask for."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

# How long a busy machine takes says nothing of the code.
hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The development data beside the checkout; the test is skipped, by name, where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no development data beside the checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """Whoever starts the tests in the background makes them deaf to Ctrl-C, and so every process that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def golden() -> Callable[[str], ModuleType]:
    """Gives the modules of ``tests/golden`` (which is no package) by name: example runs, a reader of pages."""

    def load(name: str) -> ModuleType:
        key = f"golden_{name}"
        if key not in sys.modules:
            spec = importlib.util.spec_from_file_location(key, Path(__file__).parent / "golden" / f"{name}.py")
            sys.modules[key] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[key])
        return sys.modules[key]

    return load


@pytest.fixture(scope="session")
def example_run(golden: Callable[[str], ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives one of the example runs of ``tests/golden/example_runs.py``; written once, not to be changed."""
    made: dict[str, Path] = {}

    def give(name: str) -> Path:
        if name not in made:
            made[name] = golden("example_runs").RUNS[name](tmp_path_factory.mktemp("runs") / name)
        return made[name]

    return give


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB; the test is skipped where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let a small disk be mounted")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Torch computes in one thread, so that numbers and times do not depend on the cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
