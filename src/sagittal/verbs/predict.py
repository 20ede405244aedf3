"""Predict: answers for new sources, in their own geometry."""

from __future__ import annotations

import csv
import io as text_io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal import io
from sagittal.core.case import Case
from sagittal.core.image import Image
from sagittal.core.prediction import Prediction
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.errors import SagittalError, UnreadableInput, UsageError
from sagittal.io import atomic
from sagittal.io.guard import Limits
from sagittal.verbs._drawn import boxes_of, is_drawn, safe_name, write_drawn
from sagittal.verbs._open import found_at, lacking, limits_of, predictor_at, say, with_modalities
from sagittal.verbs._outcome import Outcome

if TYPE_CHECKING:
    from sagittal.engine.infer import Predictor

TABLES = (".csv", ".tsv", ".parquet")
BESIDE = frozenset({".txt", ".json", ".md", ".csv", ".html", ".pdf", ".svg", ".xml"})
"""What lies beside pictures in a folder without being one."""


@dataclass(slots=True)
class _Reading:
    """What is read, what could not be, and whether that is allowed."""

    limits: Limits
    lenient: bool
    failed: list[str] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)


def predict(
    run: str | Path,
    sources: Sequence[str | Path],
    *,
    out: str | Path,
    top: int = 3,
    overlay: bool = True,
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    device: str = "auto",
) -> Outcome:
    """Answer new sources.

    Args:
        run: A run directory or a package.
        sources: Pictures, folders of them, tables, a CSV that names files; for a model of several modalities a folder or
            manifest whose cases have them.
        out: A folder; ``predictions.csv``, ``predictions.json`` and one overlay or answer file a source.
        top: How many classes to list for each.
        overlay: Draw where the model looks.
        allow_unreadable: Skip unreadable files and list them in ``failed.csv``.
        max_pixels: The largest picture that is decoded.
        device: ``auto``, ``cpu``, ``cuda`` ...

    Returns:
        An outcome whose ``path`` is the folder; ``failed`` names what could not be read.

    Raises:
        UnreadableInput: A source that cannot be read, unless they are allowed.
    """
    out = Path(out)
    predictor = predictor_at(Path(run), device=device)
    reading = _Reading(limits=limits_of(max_pixels), lenient=allow_unreadable)
    named = list(_sources([Path(s) for s in sources], predictor, reading))
    with atomic.storage(out):
        out.mkdir(parents=True, exist_ok=True)
    records = []
    for prediction, image in _answered(named, predictor, reading):
        files = _files(predictor, prediction, image, out=out, overlay=overlay) if image is not None else {}
        records.append({**_record(predictor, prediction, top), **files})
    if not records and not reading.failed:
        remedy = "name pictures, folders, a table or a CSV of paths"
        raise UsageError("NO_SOURCE", str(sources[0]), "there is nothing to answer here", remedy)
    atomic.write_text(out / "predictions.csv", _csv(predictor, records))
    atomic.write_json(out / "predictions.json", {**_about(predictor), "predictions": records})
    if reading.failed:
        atomic.write_text(out / "failed.csv", _table(["source"], [[source] for source in reading.failed]))
    return Outcome(
        path=out,
        facts={"n": len(records), "predictions": records, "failed": reading.failed},
        text=[*_lines(records), f"{len(records)} answers in {out / 'predictions.csv'}"],
        failed=reading.failed,
        list_file=out / "failed.csv",
    )


@dataclass(frozen=True, slots=True)
class _Several:
    """A case of several files, a modality each."""

    case: Case
    manifest: Manifest

    def __str__(self) -> str:
        return self.case.id


Source = str | _Several
"""A locator, or a case of several files."""


def _sources(paths: Sequence[Path], predictor: Predictor, reading: _Reading) -> Iterator[tuple[str, Source]]:
    """``(name, source)`` of every source; names are unique."""
    seen: dict[str, int] = {}
    for path in paths:
        for name, source in _several(path, predictor) or _of_path(path, predictor, reading):
            seen[name] = seen.get(name, 0) + 1
            yield name if seen[name] == 1 else f"{name}-{seen[name]}", source


def _several(path: Path, predictor: Predictor) -> list[tuple[str, Source]]:
    """The cases of a folder or manifest whose files are the model's modalities; none for a model of one file a case."""
    names = predictor.plan.preparation.names
    if predictor.plan.preparation.axes == 0 or len(names) < 2 or not (path.is_dir() or path.suffix.lower() in TABLES):
        return []
    try:
        manifest = found_at(path).manifest
    except SagittalError:
        return []
    if len(manifest.channels) < 2:
        return []
    told = with_modalities(manifest, names)
    return [(case.id, _Several(case, told)) for case in told.cases]


def _of_path(path: Path, predictor: Predictor, reading: _Reading) -> Iterator[tuple[str, str]]:
    bare = Path(str(path).split("::", 1)[0])
    if not bare.exists():
        raise UnreadableInput("NOT_FOUND", path, "there is no such file or folder", "check the path")
    if bare.is_dir():
        files = sorted(p for p in bare.rglob("*") if p.is_file() and not any(part.startswith(".") for part in p.relative_to(bare).parts))
        yield from ((_bare(p.relative_to(bare)), str(p)) for p in files if p.suffix.lower() not in BESIDE)
    elif path.suffix.lower() in TABLES:
        yield from _of_table(path, predictor, reading)
    else:
        yield _bare(Path(path.name)), str(path)


def _bare(path: Path) -> str:
    """A path as a name: without its suffix, with ``/``.

    >>> _bare(Path("scans/a.nii.gz")), _bare(Path("b.v2.png"))
    ('scans/a', 'b.v2')
    """
    return path.with_name(path.name.removesuffix(".gz")).with_suffix("").as_posix()


def _of_table(path: Path, predictor: Predictor, reading: _Reading) -> Iterator[tuple[str, str]]:
    """The rows of a table, for a model of tables; otherwise the files that one of its columns names."""
    frame = io.read_table(path, limits=reading.limits)
    if predictor.plan.preparation.axes == 0:
        _require_columns(predictor.plan.preparation.names, tuple(frame.columns), path.name)
        yield from ((str(i), f"{path}::{i}") for i in range(len(frame)))
        return
    for column in frame.columns:
        values = [str(v) for v in frame[column]]
        if values and all((path.parent / v).is_file() for v in values[:3]):
            yield from ((_bare(Path(v)), str(path.parent / v)) for v in values)
            return
    raise UnreadableInput("COLUMNS", path.name, "no column names files that are there", "give paths relative to the CSV")


def _require_columns(names: Sequence[str], given: Sequence[str], item: str) -> None:
    what = lacking(names, given)
    if what:
        raise UnreadableInput("COLUMNS", item, what, "give the columns that the model was trained on")


def _read(source: Source, limits: Limits) -> Image:
    return io.read(source, limits=limits) if isinstance(source, str) else image_of(source.case, source.manifest, limits=limits)


def _opened(named: Sequence[tuple[str, Source]], predictor: Predictor, reading: _Reading) -> Iterator[tuple[str, Image]]:
    names = predictor.plan.preparation.names if predictor.plan.preparation.axes == 0 else ()
    for name, source in named:
        try:
            image = _read(source, reading.limits)
            if names and image.channels != names:
                _require_columns(names, image.channels, Path(str(source)).name)
                index = [image.channels.index(n) for n in names]
                image = Image.of(image.read()[index], image.geometry, channels=names)
            elif image.geometry.axes:
                # Decoded here, so that a broken file is known before it is half answered.
                image = Image.of(image.read(), image.geometry, channels=image.channels, meta=image.meta) if reading.lenient else image
        except SagittalError as error:
            if not reading.lenient:
                raise
            say(f"skipped: {error}")
            reading.failed.append(str(source))
            continue
        reading.images[name] = image
        yield name, image


def _answered(named: Sequence[tuple[str, Source]], predictor: Predictor, reading: _Reading) -> Iterator[tuple[Prediction, Image | None]]:
    """Each answer with its source; windows that are answered by themselves come without."""
    opened = _opened(named, predictor, reading)
    if predictor.plan.unit == "case":
        for prediction in predictor.answer(opened):
            yield prediction, reading.images.pop(prediction.case)
    else:
        for prediction in predictor.answer_windows(opened):
            reading.images.clear()
            yield prediction, None


def _record(predictor: Predictor, prediction: Prediction, top: int) -> dict[str, Any]:
    from sagittal.engine.assess import words

    record: dict[str, Any] = {"case": prediction.case}
    classes = prediction.labels.classes
    if prediction.scores.ndim != 1:
        return record | ({} if predictor.task.regrid else {"boxes": boxes_of(prediction)})
    record["predicted"] = words(prediction.answer, classes)
    if not predictor.task.calibrated:
        return record | {"values": {c: float(v) for c, v in zip(classes, prediction.scores, strict=True)}}
    order = np.argsort(-prediction.scores, kind="stable")[:top]
    record["top"] = [{"class": classes[i], "p": round(float(prediction.scores[i]), 6)} for i in order]
    record["p"] = {c: round(float(v), 6) for c, v in zip(classes, prediction.scores, strict=True)}
    record["abstained"] = prediction.abstained
    if predictor.operating is not None:
        decided = predictor.operating.decide(prediction.scores[None])[0]
        record["at_operating_point"] = words(np.asarray(decided), classes)
    return record


def _files(predictor: Predictor, prediction: Prediction, image: Image, *, out: Path, overlay: bool) -> dict[str, Any]:
    """Write what belongs to one source beside the tables."""
    picture = out / f"{safe_name(prediction.case)}_overlay.png"
    if is_drawn(predictor):
        files = {"answer": write_drawn(predictor, prediction, out).name}
        if not overlay:
            return files
        from sagittal.verbs._pictures import answered

        atomic.write_bytes(picture, answered(image, prediction.answer, prediction.labels))
        return {**files, "overlay": picture.name}
    if not overlay or not image.geometry.axes:
        return {}
    from sagittal.engine.explain import explain_case
    from sagittal.report import galleries
    from sagittal.verbs._pictures import Canvas

    target = int(prediction.scores.argmax())
    found = explain_case(predictor, prediction.case, image, target=target)
    canvas = Canvas.of(image)
    atomic.write_bytes(picture, galleries.overlay(canvas.values, canvas.turned(found.values, found.geometry), spacing=canvas.spacing))
    return {"overlay": picture.name}


def _csv(predictor: Predictor, records: Sequence[dict[str, Any]]) -> str:
    classes = predictor.plan.labels.classes
    out = text_io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if predictor.task.calibrated:
        writer.writerow(["case", "predicted", *(f"p:{c}" for c in classes), "at_operating_point", "abstained"])
        for r in records:
            cells = [f"{r['p'][c]:.6f}" for c in classes]
            writer.writerow([r["case"], r["predicted"], *cells, r.get("at_operating_point", ""), "yes" if r["abstained"] else ""])
    elif is_drawn(predictor):
        writer.writerow(["case", "answer"])
        writer.writerows([r["case"], r["answer"]] for r in records)
    else:
        writer.writerow(["case", *(f"value:{c}" for c in classes)])
        writer.writerows([r["case"], *(r["values"][c] for c in classes)] for r in records)
    return out.getvalue()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    out = text_io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue()


def _about(predictor: Predictor) -> dict[str, Any]:
    head = {"format": "sagittal-predictions", "version": 1}
    return {**head, "model": predictor.provenance, "labels": predictor.plan.labels.record(), "notice": "Not a medical device."}


def _lines(records: Sequence[dict[str, Any]], most: int = 10) -> list[str]:
    lines = []
    for r in records[:most]:
        chances = ", ".join(f"{t['class']} {t['p']:.3f}" for t in r.get("top", []))
        lines.append(f"{r['case']}: {chances or r.get('values') or r.get('answer', '')}{'  (abstains)' if r.get('abstained') else ''}")
    return lines + ([f"and {len(records) - most} more"] if len(records) > most else [])
