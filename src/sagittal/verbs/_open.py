"""What several verbs begin with: a data set, a model, the user's limits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagittal import io
from sagittal.core.labels import Labels
from sagittal.data.discover import RESAMPLING, discover
from sagittal.data.layouts._found import Found
from sagittal.data.manifest import SPLITS, Manifest
from sagittal.data.manifest.words import SPOKEN
from sagittal.errors import Refused, UsageError, nearest
from sagittal.io import atomic
from sagittal.verbs._numbers import check_numbers

if TYPE_CHECKING:
    from sagittal.engine.infer import Predictor
    from sagittal.engine.run import Run


def say(line: str) -> None:
    """A line for people, on stderr: stdout is for answers."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def told_once() -> Callable[[str], None]:
    """:func:`say` that leaves out what it has said before: several steps of a verb ask a model the same."""
    told: set[str] = set()

    def tell(line: str) -> None:
        if line not in told:
            told.add(line)
            say(line)

    return tell


def folder_for(out: str | Path) -> Path:
    """A folder to write into, made where it is missing; never that of a run, whose manifest and model would be lost in it.

    Raises:
        UsageError: A run lies there, or it is a file.
        StorageFailure: It cannot be made.
    """
    out = Path(out)
    if (out / "recipe.yaml").is_file():
        raise UsageError("OUTPUT_EXISTS", out, "a run lies in this folder", "name another with -o")
    if out.is_file():
        raise UsageError("OUTPUT_EXISTS", out, "this is a file, where a folder is wanted", "name another with -o")
    with atomic.storage(out):
        out.mkdir(parents=True, exist_ok=True)
    return out


def found_at(data: str | Path, *, layout: str | None = None, options: Mapping[str, Any] | None = None) -> Found:
    """The data set at a path, and the sentence that says how it was understood."""
    return discover(Path(data), layout=layout, options={k: v for k, v in (options or {}).items() if v is not None})


def name_of(data: str | Path) -> str:
    """What an evaluation or explanation of other data is called; never as the run's own splits are.

    >>> name_of("clinic/b.csv"), name_of("clinic/test")
    ('b', 'clinic-test')
    """
    path = Path(data).resolve()
    return path.stem if path.stem not in SPLITS else f"{path.parent.name or 'data'}-{path.stem}"


def run_at(path: Path) -> Run | None:
    """The run of a directory; None for anything else, and for a directory that calls itself a package.

    Raises:
        UsageError: Nothing is there, or a directory that is no run.
    """
    from sagittal.engine.run import Run

    if not path.exists():
        raise UsageError("NOT_FOUND", path, "there is neither a run nor a package", "check the path")
    return Run.open(path) if path.is_dir() and path.suffix != ".sagittal" else None


def scored_split(manifest: Manifest) -> str:
    """The split that a run is scored on where nobody names one: test, and where there is none what has chosen the model."""
    return "test" if manifest.split("test") else "val"


def resampling_of(run: Run | None) -> dict[str, bool]:
    """Whether a run brings grids that differ together; other data are then met the same way."""
    if run is None:
        return {}
    provenance = run.manifest().provenance
    return {key: True for key in RESAMPLING if provenance.get(key) is True}


def predictor_at(path: Path, *, device: str = "auto", max_ram: float | None = None) -> Predictor:
    """The model of a run directory or of a package; what it has to tell is said.

    Args:
        path: Of either.
        device: Where it computes.
        max_ram: GiB for the windows of a drawn answer, where less than the model's own number are allowed.

    Raises:
        UsageError: Neither is there, or less memory than none is allowed.
    """
    from sagittal.engine.learn import device_of, predictor_of

    check_numbers(max_ram=max_ram)
    run = run_at(path)
    if run is not None:
        found = predictor_of(run, device=device_of(device))
    else:
        from sagittal.engine.package import open_package

        found = open_package(path, device=device_of(device))
    return replace(found, max_ram=max_ram, say=told_once())


def matched(manifest: Manifest, predictor: Predictor) -> Manifest:
    """Another data set with the model's labels, and the columns of a table, matched by name.

    Classes of the model that the data do not have are fine; classes of the data that the model does not know are not.

    Raises:
        Refused: A class that the model does not know, or a column that it needs and the data do not have; or what was
            said of the cases is not what the model answers.
    """
    labels = predictor.plan.labels
    if manifest.said not in predictor.task.said:
        what = f"of each case was said: {SPOKEN[manifest.said]}; the model answers {predictor.task.name}"
        raise Refused("OTHER_TASK", manifest.root, what, f"give data that have {' or '.join(SPOKEN[said] for said in predictor.task.said)}")
    theirs = manifest.labels.classes
    if manifest.said in {"label", "labels"}:
        used = {word for case in manifest.cases for word in manifest.words(case)}
        _refuse_unknown([c for c in theirs if c in used], labels)
    elif manifest.said == "value":
        if len(theirs) != len(labels) or (len(theirs) > 1 and theirs != labels.classes):
            what = f"the data have the values {', '.join(theirs)}, the model gives {', '.join(labels.classes)}"
            raise Refused("OTHER_VALUES", theirs[0], what, "give the same values in the same order")
    elif manifest.said in {"mask", "objects"}:
        _refuse_unknown(theirs, labels)
        labels = _with_codes(labels, manifest.labels)
    if manifest.features and predictor.plan.preparation.axes == 0:
        manifest = _with_columns(manifest, predictor.plan.preparation.names)
    if len(manifest.channels) > 1:
        manifest = with_modalities(manifest, predictor.plan.preparation.names)
    return replace(manifest, labels=labels)


def _with_columns(manifest: Manifest, names: tuple[str, ...]) -> Manifest:
    """A table whose features are the model's columns, in the model's order, whatever stands beside them.

    Raises:
        Refused: It lacks one of them.
    """
    case = manifest.cases[0]
    given = io.read(manifest.locate(next(iter(case.images.values())))).channels
    what = lacking(names, given)
    if what:
        raise Refused("COLUMNS", manifest.root, what, "give the columns that the model was trained on")
    return manifest.with_cases(manifest.cases, features=list(names))


def with_modalities(manifest: Manifest, names: Sequence[str]) -> Manifest:
    """Cases of several files with the model's modalities, in the model's order, whatever lies beside them.

    Raises:
        Refused: They lack one of them.
    """
    there = {name.casefold(): name for name in manifest.channels}
    wanted = {}
    for name in names:
        # a file of several channels gives ``name.channel`` for each
        own = next((there[n] for n in (name.casefold(), name.partition(".")[0].casefold()) if n in there), None)
        if own is None:
            what = f"the data have {', '.join(manifest.channels)}, and no {name}, which the model needs"
            raise Refused("CHANNELS", manifest.root, what, "give the modalities that the model was trained on, under the same names")
        wanted[own] = name if name.casefold() == own.casefold() else own
    cases = (replace(c, images={new: c.images[old] for old, new in wanted.items() if old in c.images}) for c in manifest.cases)
    return manifest.with_cases(cases)


def lacking(names: Sequence[str], given: Sequence[str]) -> str:
    """What there is to say of a table's missing columns; nothing where it has all.

    >>> lacking(["age", "dose"], ["dose", "class"])
    'lacks the column age'
    """
    missing = [name for name in names if name not in given]
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"lacks the column {missing[0]}{more}" if missing else ""


def _refuse_unknown(classes: Sequence[str], labels: Labels) -> None:
    unknown = [c for c in classes if c not in labels.classes]
    if unknown:
        what = f"the data have the class {unknown[0]}, the model knows {', '.join(labels.classes)}"
        raise Refused("UNKNOWN_CLASS", unknown[0], what, nearest(unknown[0], labels.classes))


def _with_codes(labels: Labels, theirs: Labels) -> Labels:
    """The model's labels with the numbers that stand for these classes in the data's own masks."""
    same = all(labels.numbers(c) == theirs.numbers(c) for c in theirs.classes) and labels.ignored == theirs.ignored
    if same:
        return labels
    # A class that the data do not have stands for a number that no mask holds.
    codes = {c: theirs.code(c) if c in theirs.classes else -1000 - i for i, c in enumerate(labels.classes)}
    return replace(labels, codes=codes, also=dict(theirs.also), ignored=theirs.ignored)
