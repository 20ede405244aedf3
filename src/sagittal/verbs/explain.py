"""Explain: where the model looks, for its hits and its mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sagittal.errors import UsageError
from sagittal.verbs._asked import FAILED, Terms, list_failed, skippable
from sagittal.verbs._explained import write_explanations
from sagittal.verbs._open import found_at, matched, name_of, predictor_at, resampling_of, run_at, scored_split
from sagittal.verbs._outcome import Outcome

if TYPE_CHECKING:
    from sagittal.core.case import Case
    from sagittal.data.manifest import Manifest
    from sagittal.engine.infer import Predictor
    from sagittal.engine.run import Run

BY_A_FOLD = "The model that is kept was trained on these cases. Shown are the answers of the first fold's model, which has not seen them."


def explain(
    run: str | Path,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    cases: Sequence[str] = (),
    out: str | Path | None = None,
    layout: str | None = None,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    device: str = "auto",
) -> Outcome:
    """Maps of what spoke for the answers, on the sources' own grids.

    Args:
        run: A run directory or a package.
        data: Another data set than the run's own.
        split: Of the run's own cases (by default ``test``, or ``val`` where there is none), or of ``data``.
        cases: Ids, of any split; by default the surest hits and mistakes of each kind.
        out: Where to write; by default ``RUN/explanation/NAME``.
        layout: How ``data`` lie, where looking does not tell.
        allow: Codes of what readers refuse and is let through, such as ``AFFINE_CONFLICT``.
        allow_unreadable: Skip cases that cannot be read and list them in ``failed.csv``.
        max_pixels: The largest picture that is decoded.
        device: ``auto``, ``cpu``, ``cuda`` ...

    Returns:
        An outcome whose ``path`` is the folder with ``index.json``, overlays (PNG) and maps (npy).

    Raises:
        UsageError: A package without data, a case that is not there, or a split that has none.
        UnreadableInput: A case cannot be read, unless such cases are allowed.
        Refused: The data have classes that the model does not know.
    """
    from sagittal.engine.assess import assess

    path, terms = Path(run), Terms(layout=layout, allow=allow, max_pixels=max_pixels, allow_unreadable=allow_unreadable).of_other(data)
    if cases and split is not None:
        raise UsageError("CASES", f"--split {split}", "cases are named, of whatever split they are", "leave --split or --case out")
    own = run_at(path)
    predictor = predictor_at(path, device=device)
    shown = _of_other(own, predictor, data, split, layout) if data is not None else _of_own(own, predictor, path, split, cases)
    manifest = terms.within(shown.manifest)
    wanted = tuple(manifest.case(case) for case in cases) or shown.cases
    chosen, failed = terms.readable(manifest, wanted)
    folder = Path(out) if out else (own.explanation(shown.name) if own is not None else Path(f"{path.stem}-explanation"))
    predictor = shown.predictor
    with skippable():
        assessment = assess(predictor, manifest, chosen)
    most = len(cases) or predictor.plan.explain_cases
    made = write_explanations(predictor, manifest, assessment, folder=folder, most=most, maps=len(cases) or 1, note=shown.note)
    list_failed(folder, failed)
    return replace(made, failed=failed, list_file=folder / FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """What can be shown: cases, the model that answers them, and what a reader must know.

    Args:
        predictor: The model.
        manifest: That the cases are of.
        cases: Those to pick from where none are named.
        name: Of the explanation.
        note: What a reader must know.
    """

    predictor: Predictor
    manifest: Manifest
    cases: tuple[Case, ...]
    name: str
    note: str = ""


def _of_other(own: Run | None, predictor: Predictor, data: str | Path, split: str | None, layout: str | None) -> _Shown:
    """Cases of another data set."""
    manifest = matched(found_at(data, layout=layout, options=resampling_of(own)).manifest, predictor)
    cases = manifest.cases if split is None else manifest.split(split)
    if not cases:
        raise UsageError("NO_CASES", f"--split {split}", "the data have no case in this split", "leave --split out")
    return _Shown(predictor=predictor, manifest=manifest, cases=cases, name=name_of(data))


def _of_own(own: Run | None, predictor: Predictor, path: Path, split: str | None, named: Sequence[str]) -> _Shown:
    """Cases of the run itself."""
    if own is None:
        raise UsageError("NO_DATA", path.name, "a package has no cases of its own", "name some with --data")
    folds = own.recipe().split.folds is not None
    if folds and not named and split in {None, "test"}:
        predictor, manifest = _of_first_fold(own, predictor)
        return _Shown(predictor=predictor, manifest=manifest, cases=manifest.split("test"), name="test", note=BY_A_FOLD)
    from sagittal.engine.crossval import met

    manifest = met(own)
    name = split or scored_split(manifest)
    cases = manifest.split(name)
    if not cases and not named:
        raise UsageError("NO_CASES", f"--split {name}", "the run has no case in this split", "choose another --split, or name --data")
    shown = [manifest.case(case) for case in named] or cases
    return _Shown(predictor=predictor, manifest=manifest, cases=cases, name=name, note=_known(shown))


def _of_first_fold(run: Run, kept: Predictor) -> tuple[Predictor, Manifest]:
    """The model of the first fold, and the cases with those in ``test`` that it has not seen."""
    from sagittal.engine.crossval import first_fold
    from sagittal.engine.learn import predictor_of

    part, manifest = first_fold(run)
    return predictor_of(part, device=kept.device), manifest


def _known(cases: Sequence[Case]) -> str:
    """What there is to say where the model was trained on some of the cases."""
    n = sum(case.split == "train" for case in cases)
    if not n:
        return ""
    return f"The model was trained on {'the only case' if n == len(cases) == 1 else f'{n} of the {len(cases)} cases'} shown here."
