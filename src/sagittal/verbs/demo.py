"""Demo: synthetic retinas, the whole journey, a report; offline."""

from __future__ import annotations

import shutil
from pathlib import Path

from sagittal.errors import Refused
from sagittal.verbs._open import say
from sagittal.verbs._outcome import Outcome


def demo(*, out: str | Path | None = None) -> Outcome:
    """Draw synthetic retina scans with a planted leak, let the audit find it, and run the whole journey.

    Args:
        out: A folder; its ``data`` and ``run`` are replaced.

    Returns:
        An outcome whose ``path`` is the report.
    """
    from sagittal.verbs.phantom import phantom
    from sagittal.verbs.run import run

    folder = Path(out or "demo")
    for part in ("data", "run"):
        shutil.rmtree(folder / part, ignore_errors=True)
    say("drawing synthetic retina scans: a patient planted in two splits, two re-encoded duplicates")
    phantom("retina", out=folder / "data")
    try:
        run(folder / "data", out=folder / "run", recipe="demo")
    except Refused as refusal:
        say(f"refused, as it should be: {refusal}")
        say("going on with split.leaks=drop: the leaking patient is taken out of training")
    shutil.rmtree(folder / "run", ignore_errors=True)
    made = run(folder / "data", out=folder / "run", recipe="demo", sets=["split.leaks=drop"])
    report = folder / "run" / "report.html"
    return Outcome(path=report, facts=made.facts, text=[*made.text, f"open {report} in a browser"])
