"""Package: a finished run as one file that others can use."""

from __future__ import annotations

from pathlib import Path

from sagittal.engine.run import Run
from sagittal.verbs._open import say
from sagittal.verbs._outcome import Outcome


def package(run: str | Path, *, out: str | Path) -> Outcome:
    """Write weights, preparation, labels, calibration, what validation cases were like and a model card to one file.

    Args:
        run: A run directory with a finished training.
        out: A file ending in ``.sagittal``.

    Returns:
        An outcome whose ``path`` is the file.

    Raises:
        UsageError: No run, an unfinished one, or another ending.
        InvalidPackage: The run holds what no package may hold.
        StorageFailure: The file cannot be written.
    """
    from sagittal.engine.package import write_package

    path = write_package(Run.open(Path(run)), Path(out), say=say)
    size = path.stat().st_size
    text = [f"the package is {path} ({size:,} bytes)", "read its model card with `sagittal show`"]
    return Outcome(path=path, facts={"bytes": size}, text=text)
