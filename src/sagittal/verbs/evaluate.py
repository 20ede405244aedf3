"""Evaluate: scores with intervals, on the run's own test split or on other data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sagittal.core.score import Score
from sagittal.engine.run import Run
from sagittal.errors import UsageError
from sagittal.verbs._drawn import drawn_into
from sagittal.verbs._open import found_at, matched, name_of, predictor_at, resampling_of, run_at, say
from sagittal.verbs._outcome import Outcome

if TYPE_CHECKING:
    from sagittal.engine.assess import Assessment, Keep
    from sagittal.engine.infer import Predictor

HEADLINES = (
    "accuracy",
    "balanced_accuracy",
    "auc",
    "sensitivity",
    "specificity",
    "dice",
    "nsd",
    "hd95",
    "assd",
    "mae",
    "r2",
    "detection_ap",
)


def evaluate(
    run: str | Path,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    max_ram: float | None = None,
) -> Outcome:
    """Score a model.

    Args:
        run: A run directory or a package.
        data: Another data set; all of its cases are scored unless ``split`` picks some.
        split: Of the run's own cases (``test`` by default), or of ``data``.
        out: Where to write; by default ``RUN/evaluation/NAME``.
        device: ``auto``, ``cpu``, ``cuda`` ...
        max_ram: GiB for the windows of drawn answers, where less than the plan's are allowed; ``scores.json`` says so.

    Returns:
        An outcome whose ``path`` is the folder with ``scores.json`` and ``predictions.csv``.

    Raises:
        UsageError: A package without data, or a split that has no case.
        Refused: The data have classes that the model does not know.
    """
    path = Path(run)
    own = run_at(path)
    if data is None and own is None:
        raise UsageError("NO_DATA", path.name, "a package has no cases of its own", "name some with --data")
    if data is None and own is not None and own.recipe().split.folds is not None and split in {None, "test"}:
        return _pooled(own)
    predictor = predictor_at(path, device=device, max_ram=max_ram)
    name = (split or "test") if data is None else name_of(data)
    folder = Path(out) if out else (own.evaluation(name) if own is not None else Path(f"{path.stem}-{name}"))
    keep = drawn_into(folder, predictor)
    if data is None and own is not None:
        assessment, rest = _own(own, predictor, name, keep)
    else:
        assessment, rest = _other(own, predictor, str(data), split, keep)
    from sagittal.engine.assess import rejoin

    if predictor.budget.allowed is not None:
        rest["max_ram"] = predictor.budget.allowed
    made = rejoin(assessment, **rest)
    made.write(folder)
    for line in _loud(rest):
        say(line)
    return Outcome(
        path=folder, facts={"scores": [s.record() for s in made.scores], "n": len(made.rows)}, text=[*_loud(rest), *table(made.scores)]
    )


def _own(run: Run, predictor: Predictor, split: str, keep: Keep | None) -> tuple[Assessment, dict[str, object]]:
    from sagittal.engine.assess import assess, reference_of

    manifest = run.manifest()
    cases = manifest.split(split)
    if not cases:
        raise UsageError("NO_CASES", split, "the run has no case in this split", "choose another --split, or name --data")
    reference = reference_of(predictor.plan, manifest, manifest.split("train"))
    rest: dict[str, object] = {"split": split}
    if split == "test":
        rest["touched"] = run.touched("test")
    return assess(predictor, manifest, cases, reference=reference, keep=keep), rest


def _other(run: Run | None, predictor: Predictor, data: str, split: str | None, keep: Keep | None) -> tuple[Assessment, dict[str, object]]:
    from sagittal.engine.assess import assess, reference_of
    from sagittal.engine.shift import shift_findings

    found = found_at(data, options=resampling_of(run))
    manifest = matched(found.manifest, predictor)
    cases = manifest.split(split) if split is not None else manifest.cases
    if not cases:
        raise UsageError("NO_CASES", str(split), "the data have no case in this split", "leave --split out")
    own = run.manifest() if run is not None else None
    reference = reference_of(predictor.plan, own, own.split("train")) if own is not None else None
    assessment = assess(predictor, manifest, cases, reference=reference, keep=keep)
    rest: dict[str, object] = {"data": found.sentence, "split": split}
    rest["shift"] = shift_findings(predictor, own, assessment, manifest)
    if own is None or not own.split("val"):
        rest["not_compared"] = "there are no validation cases at hand: whether these data differ from them cannot be said"
    return assessment, rest


def _pooled(run: Run) -> Outcome:
    folder = run.evaluation("test")
    record = run.read("evaluation/test/scores.json")
    scores = [Score(**{("label" if k == "class" else k): v for k, v in row.items()}) for row in record["scores"]]
    return Outcome(path=folder, facts={"scores": record["scores"], "n": record["n"]}, text=["pooled out-of-fold answers", *table(scores)])


def _loud(rest: dict[str, object]) -> list[str]:
    found = rest.get("shift")
    if not isinstance(found, list):
        return []
    unknown = [f"SHIFT: {rest['not_compared']}"] if "not_compared" in rest else []
    return unknown + [f"SHIFT: {f['what']}" for f in found if f.get("severity") != "note"]


def table(scores: Sequence[Score]) -> list[str]:
    """The scores that a person looks at first, a line each."""
    rows = [s for s in scores if s.metric in HEADLINES]
    return [f"{s.metric + (' ' + s.label if s.label else ''):<32} {s.text()}  n={s.n}" for s in rows]
