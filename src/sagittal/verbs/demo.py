"""Demo: synthetic retinas or brains, the whole journey, a report; offline."""

from __future__ import annotations

import shutil
from pathlib import Path

from sagittal.data.audit import LEAKS
from sagittal.errors import Refused, UsageError, nearest
from sagittal.io import atomic
from sagittal.verbs._open import say
from sagittal.verbs._outcome import Outcome

MARK = ".sagittal-demo"
"""Says of a folder that what is in it is a demo's."""

PARTS = ("data", "run", "audit", "unseen", "predicted")
"""What a demo makes in its folder."""

SUBJECTS, SPACING_MM = 13, 4.0
"""Of the synthetic brains; the last one is kept for a prediction."""


def demo(kind: str = "retina", *, out: str | Path | None = None) -> Outcome:
    """Draw synthetic data and run the whole journey.

    Args:
        kind: ``retina``: scans with a planted leak, which the audit finds. ``brain``: volumes of T1 and T2 with their tissues,
            and a prediction for one that nobody has drawn on.
        out: A folder; what an earlier demo has made there is replaced.

    Returns:
        An outcome whose ``path`` is the report.

    Raises:
        UsageError: There is no such demo, or the folder holds a ``data`` or ``run`` that no demo has made.
        Refused: The planted leak was not found: then the audit does not work.
    """
    journeys = {"retina": _retina, "brain": _brain}
    if kind not in journeys:
        raise UsageError("DEMO", kind, "there is no demo of this name", nearest(kind, journeys))
    return journeys[kind](_cleared(Path(out or "demo")))


def _brain(folder: Path) -> Outcome:
    """Volumes: audit, run, report, and a prediction on the scanner's own grid."""
    from sagittal.verbs.audit import audit
    from sagittal.verbs.phantom import phantom
    from sagittal.verbs.predict import predict
    from sagittal.verbs.run import run

    data, unseen = folder / "data", folder / "unseen"
    say(f"drawing synthetic brains: {SUBJECTS} subjects, T1 and T2, each on a grid of its own")
    phantom("brain", out=data, sets=[f"patients={SUBJECTS}", "modalities=[T1, T2]", f"spacing={SPACING_MM}"])
    with atomic.storage(unseen):
        unseen.mkdir()
        (data / f"head_{SUBJECTS:02d}_label.nii.gz").unlink()
        for path in sorted(data.glob(f"head_{SUBJECTS:02d}_*.nii.gz")):
            path.rename(unseen / path.name)
    looked = audit(data, out=folder / "audit")
    made = run(data, out=folder / "run", recipe="demo_brain")
    say(f"answering for subject {SUBJECTS}, which is in no split")
    answered = predict(folder / "run", [unseen], out=folder / "predicted")
    report = folder / "run" / "report.html"
    text = [*made.text, *answered.text, f"open {looked.path} and {report} in a browser; the answer is in {folder / 'predicted'}"]
    return Outcome(path=report, facts=made.facts, text=text)


def _retina(folder: Path) -> Outcome:
    """Pictures: a planted leak is refused, then the run goes on without the patient."""
    from sagittal.verbs.phantom import phantom
    from sagittal.verbs.run import run

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
        UsageError: It holds a ``data``, ``run`` ... that no demo has made.
    """
    parts = [folder / name for name in PARTS]
    theirs = next((p for p in parts if p.exists()), None)
    if theirs is not None and not (folder / MARK).is_file():
        raise UsageError("OUTPUT_EXISTS", theirs, "is there already, and no demo has made it", "name another folder with -o")
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
    with atomic.storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    atomic.write_text(folder / MARK, f"sagittal demo replaces {', '.join(PARTS)} of this folder\n")
    return folder
