"""Weights: published files to start from."""

from __future__ import annotations

from pathlib import Path

from sagittal.verbs._open import say
from sagittal.verbs._outcome import Outcome


def get(name: str) -> Outcome:
    """Download published weights, check their hash and keep them as safetensors.

    Args:
        name: As ``sagittal weights list`` prints it.

    Raises:
        UsageError: There are none of this name, or there is no network.
    """
    from sagittal.engine import weights

    shown = [-1]

    def progress(done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        if percent // 10 != shown[0]:
            shown[0] = percent // 10
            say(f"{name}: {percent} %")

    path = weights.get(name, progress=progress)
    return Outcome(path=path, text=[f"{name} is in {path}"])


def known() -> Outcome:
    """The published weights that are known, and which of them are here."""
    from sagittal.engine import weights
    from sagittal.engine._published import names, published

    folder = weights.default_folder()
    here = {n: any((folder / file).is_file() for file in (f"{n}.safetensors", published(n).file)) for n in names()}
    return Outcome(path=folder, facts={"weights": here}, text=[f"{name:<24} {'here' if have else ''}" for name, have in here.items()])


def convert(source: Path, *, out: Path) -> Outcome:
    """Read a foreign ``.pt`` or ``.pth`` in a child process that can do nothing else, and write safetensors.

    Raises:
        UnreadableInput: The file is not a plain table of tensors.
    """
    from sagittal.engine.convert import convert as converted

    converted(source, out)
    return Outcome(path=out, text=[f"converted to {out}"])
