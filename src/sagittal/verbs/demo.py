"""Demo: synthetic retinas, the whole journey, a report; offline."""

from __future__ import annotations

import shutil
from pathlib import Path

from sagittal.data.audit import LEAKS
from sagittal.errors import Refused, UsageError
from sagittal.io import atomic
from sagittal.verbs._open import say
from sagittal.verbs._outcome import Outcome

MARK = ".sagittal-demo"
"""Says of a folder that its ``data`` and ``run`` are a demo's."""


def demo(*, out: str | Path | None = None) -> Outcome:
    """Draw synthetic retina scans with a planted leak, let the audit find it, and run the whole journey.

    Args:
        out: A folder; its ``data`` and ``run`` are replaced where a demo has made them.

    Returns:
        An outcome whose ``path`` is the report.

    Raises:
        UsageError: The folder holds a ``data`` or ``run`` that no demo has made.
        Refused: The planted leak was not found: then the audit does not work.
    """
    from sagittal.verbs.phantom import phantom
    from sagittal.verbs.run import run

    folder = _cleared(Path(out or "demo"))
    say("drawing synthetic retina scans: a patient planted in two splits, two re-encoded duplicates")
    phantom("retina", out=folder / "data")
    try:
        run(folder / "data", out=folder / "run", recipe="demo")
    except Refused as refusal:
        if refusal.code not in LEAKS:
            raise
        say(f"refused, as it should be: {refusal}")
    else:
        what = "the patient that was planted on both sides went through the audit"
        raise Refused("NOT_REFUSED", "demo", what, "do not trust this installation with data of yours; report it")
    say("going on with split.leaks=drop: the leaking patient is taken out of training")
    shutil.rmtree(folder / "run", ignore_errors=True)
    made = run(folder / "data", out=folder / "run", recipe="demo", sets=["split.leaks=drop"])
    report = folder / "run" / "report.html"
    return Outcome(path=report, facts=made.facts, text=[*made.text, f"open {report} in a browser"])


def _cleared(folder: Path) -> Path:
    """The folder without what an earlier demo has left in it, finished or not; nothing else is removed.

    Raises:
        UsageError: It holds a ``data`` or ``run`` that no demo has made.
    """
    parts = [folder / "data", folder / "run"]
    theirs = next((p for p in parts if p.exists()), None)
    if theirs is not None and not (folder / MARK).is_file():
        raise UsageError("OUTPUT_EXISTS", theirs, "is there already, and no demo has made it", "name another folder with -o")
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
    with atomic.storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    atomic.write_text(folder / MARK, "sagittal demo replaces data and run of this folder\n")
    return folder
