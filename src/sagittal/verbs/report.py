"""Report: one HTML file from what a run has written."""

from __future__ import annotations

from pathlib import Path

from sagittal.engine.run import Run
from sagittal.verbs._outcome import Outcome


def report(run: str | Path, *, out: str | Path | None = None) -> Outcome:
    """Write ``report.html`` of a run.

    Args:
        run: A run directory.
        out: The file; by default ``RUN/report.html``.

    Returns:
        An outcome whose ``path`` is the file.
    """
    from sagittal.report.render import render

    path = render(Run.open(Path(run)).path, Path(out) if out else None)
    return Outcome(path=path, text=[f"the report is {path}"])
