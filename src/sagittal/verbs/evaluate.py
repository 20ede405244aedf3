"""Evaluate: scores with intervals, on the run's own test split or on other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagittal.core.score import Score
from sagittal.engine.run import Run
from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.verbs._asked import FAILED, Terms, list_failed, skippable
from sagittal.verbs._drawn import drawn_into
from sagittal.verbs._numbers import check_numbers
from sagittal.verbs._open import folder_for, found_at, matched, name_of, predictor_at, resampling_of, run_at, say
from sagittal.verbs._outcome import Outcome

if TYPE_CHECKING:
    from sagittal.core.case import Case
    from sagittal.data.manifest import Manifest
    from sagittal.engine.assess import Assessment
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored(Outcome):
    """The outcome of an evaluation, with what an explanation of the same cases begins with.

    Args:
        predictor: The model; None where the answers were pooled.
        manifest: Of the cases.
        assessment: The answers and their scores.
    """

    predictor: Predictor | None = None
    manifest: Manifest | None = None
    assessment: Assessment | None = None


def evaluate(
    run: str | Path,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    out: str | Path | None = None,
    layout: str | None = None,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    device: str = "auto",
    max_ram: float | None = None,
) -> Scored:
    """Score a model.

    Args:
        run: A run directory or a package.
        data: Another data set; all of its cases are scored unless ``split`` picks some.
        split: Of the run's own cases (``test`` by default), or of ``data``.
        out: Where to write; by default ``RUN/evaluation/NAME``.
        layout: How ``data`` lie, where looking does not tell.
        allow: Codes of what readers refuse and is let through, such as ``AFFINE_CONFLICT``; ``scores.json`` says so.
        allow_unreadable: Skip cases that cannot be read and list them in ``failed.csv``.
        max_pixels: The largest picture that is decoded.
        device: ``auto``, ``cpu``, ``cuda`` ...
        max_ram: GiB for the windows of drawn answers, where less than the plan's are allowed; ``scores.json`` says so.

    Returns:
        An outcome whose ``path`` is the folder with ``scores.json`` and ``predictions.csv``.

    Raises:
        UsageError: A package without data, or a split that has no case.
        UnreadableInput: A case cannot be read, unless such cases are allowed.
        Refused: The data have classes that the model does not know.
    """
    path, terms = Path(run), Terms(layout=layout, allow=allow, max_pixels=max_pixels, allow_unreadable=allow_unreadable).of_other(data)
    check_numbers(max_ram=max_ram)
    own = run_at(path)
    if data is None and own is None:
        raise UsageError("NO_DATA", path.name, "a package has no cases of its own", "name some with --data")
    if data is None and own is not None and own.recipe().split.folds is not None and split in {None, "test"}:
        return _pooled(own, Path(out) if out else None)
    predictor = predictor_at(path, device=device, max_ram=max_ram)
    name = (split or "test") if data is None else name_of(data)
    folder = folder_for(out) if out else (own.evaluation(name) if own is not None else Path(f"{path.stem}-{name}"))
    if data is None and own is not None:
        manifest, cases, rest = _own(own, name)
    else:
        manifest, cases, rest = _other(own, predictor, str(data), split, layout)
    manifest = terms.within(manifest)
    cases, failed = terms.readable(manifest, cases)
    from sagittal.engine.assess import assess, rejoin

    with skippable():
        assessment = assess(predictor, manifest, cases, keep=drawn_into(folder, predictor))
    if data is not None:
        rest |= _beside_own(own, predictor, assessment, manifest, path=path)
    elif own is not None and name == "test":
        # A look counts once there is something to see.
        rest["touched"] = own.touched("test")
    if failed:
        rest["unreadable"] = len(failed)
    if allow:
        rest["allowed"] = sorted(set(allow))
    if predictor.budget.allowed is not None:
        rest["max_ram"] = predictor.budget.allowed
    made = rejoin(assessment, **rest)
    made.write(folder)
    list_failed(folder, failed)
    for line in _loud(rest):
        say(line)
    return Scored(
        path=folder,
        facts={"scores": [s.record() for s in made.scores], "n": len(made.rows)},
        text=table(made.scores),
        failed=failed,
        list_file=folder / FAILED,
        predictor=predictor,
        manifest=manifest,
        assessment=made,
    )


def _own(run: Run, split: str) -> tuple[Manifest, Sequence[Case], dict[str, object]]:
    """Cases of the run itself."""
    from sagittal.engine.crossval import met

    manifest = met(run)
    cases = manifest.split(split)
    if not cases:
        raise UsageError("NO_CASES", split, "the run has no case in this split", "choose another --split, or name --data")
    return manifest, cases, {"split": split}


def _other(
    run: Run | None, predictor: Predictor, data: str, split: str | None, layout: str | None
) -> tuple[Manifest, Sequence[Case], dict[str, object]]:
    """Cases of another data set."""
    found = found_at(data, layout=layout, options=resampling_of(run))
    manifest = matched(found.manifest, predictor)
    cases = manifest.split(split) if split is not None else manifest.cases
    if not cases:
        raise UsageError("NO_CASES", str(split), "the data have no case in this split", "leave --split out")
    return manifest, cases, {"data": found.sentence, "split": split}


def _beside_own(run: Run | None, predictor: Predictor, assessment: Assessment, manifest: Manifest, *, path: Path) -> dict[str, object]:
    """How other data differ from the validation cases of a run or of a package."""
    from sagittal.engine.crossval import met
    from sagittal.engine.shift import shift_findings, taught_findings
    from sagittal.engine.validated import validation_of

    before = predictor.validation if run is None else validation_of(run, predictor)
    found = [] if run is None else taught_findings(met(run), manifest, assessment)
    found += [] if before is None else shift_findings(before, predictor, manifest, assessment)
    told: dict[str, object] = {"shift": found}
    if run is None:
        differ = "" if before is not None else "whether these data differ from its validation cases, which it does not tell of, or "
        told["not_compared"] = f"{path.name} holds no cases: {differ}whether some of these are its own cannot be said"
    elif before is None:
        told["not_compared"] = "there are no validation cases at hand: whether these data differ from them cannot be said"
    return told


def _pooled(run: Run, out: Path | None) -> Scored:
    """The answers that training has pooled; looking at them counts as any look at test does."""
    own = run.evaluation("test")
    folder = out or own
    record = {**run.read("evaluation/test/scores.json"), "touched": run.touched("test")}
    with atomic.storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("predictions.csv", "curves.json") if folder != own else ():
            atomic.write_bytes(folder / name, (own / name).read_bytes())
    atomic.write_json(folder / "scores.json", record)
    scores = [Score(**{("label" if k == "class" else k): v for k, v in row.items()}) for row in record["scores"]]
    return Scored(path=folder, facts={"scores": record["scores"], "n": record["n"]}, text=["pooled out-of-fold answers", *table(scores)])


def _loud(rest: dict[str, object]) -> list[str]:
    found = rest.get("shift")
    if not isinstance(found, list):
        return []
    unknown = [f"SHIFT: {rest['not_compared']}"] if "not_compared" in rest else []
    return unknown + [f"SHIFT: {f['what']}" for f in found if f.get("severity") != "note"]


def table(scores: Sequence[Score]) -> list[str]:
    """The scores that a person looks at first, a line each."""
    rows = [s for s in scores if s.metric in HEADLINES]
    return [f"{s.metric + (' ' + s.label if s.label else ''):<32} {s.text()}{_unit(s)}  n={s.n}" for s in rows]


def _unit(score: Score) -> str:
    return "" if score.value is None or score.unit in {"", "1"} else f" {score.unit}"
