"""Foreign weights (.pt, .pth) to safetensors, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from sagittal.errors import LimitExceeded, UnreadableInput
from sagittal.io.atomic import storage, sync_folder

LARGEST = 4 * 2**30
"""The largest foreign file that is opened, in bytes."""

_TIMEOUT_S = 900
_OVERHEAD = 6 * 2**30
_REMEDY = "save its state_dict with torch.save, or as safetensors, and give that"


def convert(path: Path, out: Path) -> Path:
    """Write the weights of a foreign file as safetensors; it is there whole or not at all.

    Nothing of the file runs here: another process unpickles plain tensors only, with limits. Weights may lie in the file
    itself or under ``state_dict``, ``model_state_dict`` or ``model``; a ``module.`` in front of the names is dropped.

    Args:
        path: A file of ``torch.save``.
        out: Where the safetensors go.

    Returns:
        ``out``.

    Raises:
        UnreadableInput: Not weights: a whole pickled model, code, something else, or damaged.
        LimitExceeded: Too large, or too slow.
        StorageFailure: ``out`` cannot be written.
    """
    if not path.is_file():
        raise UnreadableInput("NO_FILE", path, "there is no such file", "check the path")
    size = path.stat().st_size
    if size > LARGEST:
        raise LimitExceeded("LARGE_WEIGHTS", path, f"{size} bytes, at most {LARGEST} are opened", _REMEDY)
    with storage(out), tempfile.TemporaryDirectory(dir=out.parent, prefix=".convert-") as folder:
        written = Path(folder) / "weights.safetensors"
        _in_another_process(path, written, memory=_OVERHEAD + 4 * size)
        written.replace(out)
        sync_folder(out.parent)
    return out


def _in_another_process(path: Path, out: Path, *, memory: int) -> None:
    command = [sys.executable, "-m", "sagittal.engine._foreign", str(path), str(out), str(memory)]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise LimitExceeded("SLOW_WEIGHTS", path, f"not opened within {_TIMEOUT_S} s", _REMEDY) from None
    try:
        said = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        what = f"the process that opened it ended with {done.returncode}"
        raise UnreadableInput("FOREIGN_WEIGHTS", path, what, _REMEDY) from None
    if "error" in said:
        raise UnreadableInput("FOREIGN_WEIGHTS", path, f"{said['error']}: {said['what']}", _REMEDY)
