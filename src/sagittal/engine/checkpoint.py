"""The state of a run on disk: whole, hashed, and there at every moment.

A checkpoint is a folder: ``model.safetensors``, ``optimizer.safetensors`` (where the run may go on from it),
``state.json`` and ``SHA256SUMS``. It is written beside the old one as ``.<name>.new``, every file and the folder
synced, the old one is renamed to ``.<name>.old``, the new one takes its name, the old one is removed. Whatever
moment the power fails at, ``recover`` finds a whole one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sagittal.engine.tensors import Hashing, digest_of, read_tensors, write_tensors
from sagittal.errors import UnreadableInput
from sagittal.io.atomic import storage, sync_folder

FORMAT = "sagittal-checkpoint"
VERSION = 1
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
SUMS = "SHA256SUMS"
_REMEDY = "copy the run again from where it is whole, or train anew"


def _passed(_: str) -> None:
    """Where nobody wants to know."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Checkpoint:
    """What a checkpoint holds.

    Args:
        model: The network's ``state_dict``.
        optimizer: What the optimizer (and the running average of the weights) remembers; None where the
            checkpoint is for use, not for going on.
        state: Everything else, as JSON knows it.
    """

    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor] | None
    state: Mapping[str, Any]


def save(folder: Path, checkpoint: Checkpoint, *, reached: Callable[[str], None] = _passed) -> None:
    """Write a checkpoint in place of the one in ``folder``, if there is one.

    Args:
        folder: Such as ``RUN/checkpoints/last``; folders on the way are made.
        checkpoint: What to write.
        reached: Gets the name of every step of the writing, such as ``last:state.json``: the tests stop there.

    Raises:
        StorageFailure: Disk full, read-only, not permitted; the old checkpoint is still there.
        ValueError: The state holds NaN or infinity.
    """
    new, old = _beside(folder, "new"), _beside(folder, "old")
    with storage(folder):
        recover(folder)
        try:
            new.mkdir(parents=True)
            _fill(new, checkpoint, reached=lambda what: reached(f"{folder.name}:{what}"))
            reached(f"{folder.name}:filled")
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        if folder.exists():
            folder.rename(old)
        reached(f"{folder.name}:aside")
        new.rename(folder)
        sync_folder(folder.parent)
        reached(f"{folder.name}:placed")
        shutil.rmtree(old, ignore_errors=True)
        reached(f"{folder.name}:done")


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint, after all its hashes were found right. Nothing on disk is touched.

    Raises:
        UnreadableInput: There is none, or one of its files is missing, changed or of another version.
    """
    state = load_state(folder)
    found = find(folder) or folder
    named = _verified(found)
    optimizer = read_tensors(found / OPTIMIZER) if OPTIMIZER in named else None
    return Checkpoint(model=read_tensors(found / MODEL), optimizer=optimizer, state=state)


def load_state(folder: Path) -> Mapping[str, Any]:
    """Only ``state.json`` of a checkpoint.

    Raises:
        UnreadableInput: There is none, or it is of another version.
    """
    found = find(folder) or folder
    try:
        state = json.loads((found / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput("CHECKPOINT", folder, f"its {STATE} cannot be read ({error})", _REMEDY) from None
    kind = (state.get("format"), state.get("version")) if isinstance(state, dict) else (None, None)
    if kind != (FORMAT, VERSION):
        what = f"format and version are {kind}, not {(FORMAT, VERSION)}"
        raise UnreadableInput("CHECKPOINT", folder, what, "use the version of sagittal that wrote it")
    return {k: v for k, v in state.items() if k not in {"format", "version"}}


def find(folder: Path) -> Path | None:
    """Where the checkpoint lies: in ``folder``, or beside it when its writing was cut off; None when there is none."""
    new, old = _beside(folder, "new"), _beside(folder, "old")
    if folder.is_dir():
        return folder
    if not old.is_dir():
        # nothing was there before: a new one counts once it is whole
        return new if _is_whole(new) else None
    return new if _is_whole(new) else old


def recover(folder: Path) -> None:
    """Finish or undo what a writing that was cut off left behind. Only for whoever writes there."""
    new, old = _beside(folder, "new"), _beside(folder, "old")
    if not folder.parent.is_dir():
        return
    with storage(folder):
        found = find(folder)
        if found is not None and found != folder:
            found.rename(folder)
        for left in (new, old):
            if left.exists():
                shutil.rmtree(left)


def _fill(folder: Path, checkpoint: Checkpoint, *, reached: Callable[[str], None]) -> None:
    sums = {MODEL: write_tensors(folder / MODEL, checkpoint.model, between=lambda: reached(f"{MODEL}:tensor"))}
    reached(MODEL)
    if checkpoint.optimizer is not None:
        sums[OPTIMIZER] = write_tensors(folder / OPTIMIZER, checkpoint.optimizer)
        reached(OPTIMIZER)
    state = json.dumps({"format": FORMAT, "version": VERSION, **checkpoint.state}, indent=1, allow_nan=False)
    sums[STATE] = _write(folder / STATE, state + "\n")
    reached(STATE)
    _write(folder / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
    reached(SUMS)
    sync_folder(folder)


def _write(path: Path, text: str) -> str:
    with path.open("wb") as file:
        out = Hashing(file)
        out.write(text.encode())
        return out.finish()


def _verified(folder: Path) -> set[str]:
    """The names of the files, all found whole."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        if not {MODEL, STATE} <= sums.keys() <= {MODEL, OPTIMIZER, STATE}:
            raise UnreadableInput("CHECKPOINT", folder, f"its {SUMS} names {sorted(sums)}", _REMEDY)
        wrong = [name for name, digest in sums.items() if digest_of(folder / name) != digest]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput("CHECKPOINT", folder, f"is not whole ({error})", _REMEDY) from None
    if wrong:
        raise UnreadableInput("CHECKPOINT", folder, f"{', '.join(wrong)} was changed after it was written", _REMEDY)
    return set(sums)


def _is_whole(folder: Path) -> bool:
    try:
        _verified(folder)
    except UnreadableInput:
        return False
    return True


def _beside(folder: Path, suffix: str) -> Path:
    return folder.parent / f".{folder.name}.{suffix}"
