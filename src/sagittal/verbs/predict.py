"""Predict: answers for new sources, in their own geometry."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal.core.image import Image
from sagittal.core.prediction import Prediction
from sagittal.errors import NumericFailure, Refused, UnreadableInput, UsageError
from sagittal.io import atomic
from sagittal.io.writers.csv import as_text
from sagittal.report.words import count
from sagittal.verbs._asked import Terms
from sagittal.verbs._drawn import Kept, boxes_of, extra_of, is_drawn, safe_name, scored, write_drawn, write_legend
from sagittal.verbs._numbers import check_numbers
from sagittal.verbs._open import folder_for, predictor_at, resampling_of, run_at
from sagittal.verbs._outcome import Outcome
from sagittal.verbs._outlined import COLUMNS as AREAS
from sagittal.verbs._outlined import NONE, has_outlines, outlined
from sagittal.verbs._sources import Reading
from sagittal.verbs._streamed import answer_slide
from sagittal.verbs._sure import Sure, rounded, write_heat
from sagittal.verbs._tiles import Tiles
from sagittal.verbs._volumes import COLUMNS, has_volumes, volumes_of

if TYPE_CHECKING:
    from sagittal.engine.drawing import Store
    from sagittal.engine.infer import Look, Predictor


def predict(
    run: str | Path,
    sources: Sequence[str | Path],
    *,
    out: str | Path,
    top: int = 3,
    overlay: bool = True,
    probabilities: bool = False,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    device: str = "auto",
    max_ram: float | None = None,
    mpp: float | None = None,
) -> Outcome:
    """Answer new sources.

    The answer to a slide is written while it is computed. Where a prediction into the same folder was ended before its time,
    it goes on from what is there.

    Args:
        run: A run directory or a package.
        sources: Pictures, volumes, folders of them or of a data set, tables, a manifest, a CSV that names files; or the
            modalities of one case: ``T1=a.nii.gz T2=b.nii.gz``.
        out: A folder; ``predictions.csv``, ``predictions.json``, one overlay or answer file a source, ``volumes.csv`` of drawn
            volumes, and of drawn pictures ``areas.csv``, outlines as ``.geojson`` and ``.svg``, and a heat map.
        top: How many classes to list for each.
        overlay: Also pictures: where the model looks, or what it drew and how likely that is.
        probabilities: Of drawn answers, keep the probability of each class.
        allow: Codes of what readers refuse and is let through, such as ``AFFINE_CONFLICT``; ``predictions.json`` says so.
        allow_unreadable: Skip sources that cannot be answered and list them in ``failed.csv``; of several volumes that is always done.
        max_pixels: The largest picture that is decoded.
        device: ``auto``, ``cpu``, ``cuda`` ...
        max_ram: GiB for the windows of drawn answers, where less than the model's own number are allowed.
        mpp: Micrometres a pixel of slides and pictures whose files do not say it, or say it wrongly.

    Returns:
        An outcome whose ``path`` is the folder; ``failed`` names what could not be answered.

    Raises:
        UnreadableInput: A source that cannot be read, unless they are allowed or one of several volumes.
        LimitExceeded: ``max_ram`` is too little for one window.
        UsageError: A number out of its range, or nothing to answer.
    """
    from sagittal.engine.streaming import streams

    terms = Terms(allow=allow, allow_unreadable=allow_unreadable, max_pixels=max_pixels)
    check_numbers(top=top, max_ram=max_ram, mpp=mpp)
    out = Path(out)
    predictor = predictor_at(Path(run), device=device, max_ram=max_ram)
    reading = Reading(
        preparation=predictor.plan.preparation,
        limits=terms.limits,
        lenient=terms.skips,
        resampling=resampling_of(run_at(Path(run))),
        mpp=mpp,
    )
    named = reading.sources(sources)
    # Studies take minutes each: one that fails is marked, and a night's work is not lost for it.
    reading.lenient |= len(named) > 1 and reading.preparation.axes > 2
    folder_for(out)
    kept = Kept(out, channels=scored(predictor))
    tiles = Tiles(folder=out, columns=tuple(f"{'p' if predictor.task.calibrated else 'value'}:{c}" for c in scored(predictor)))
    records, sizes, areas = [], [], []
    with kept.cleared():
        for slides, items in itertools.groupby(reading.items(named), key=lambda item: streams(predictor, item[1])):
            if slides:
                for name, whole in items:
                    try:
                        record, rows = _slide(predictor, name, whole, reading, out=out, overlay=overlay)
                    except (UnreadableInput, Refused, NumericFailure) as error:
                        if not reading.lenient:
                            raise
                        reading.mark(name, error)
                        continue
                    records.append(record)
                    areas += rows
                continue
            store = _store(predictor, kept if probabilities else None)
            for prediction, image in _answered(predictor, items, reading, store=store, look=tiles.add):
                files = _files(predictor, prediction, image, out=out, overlay=overlay) if image is not None else {}
                if image is not None and is_drawn(predictor) and has_outlines(prediction):
                    beside, rows = _picture(predictor, prediction, image, out=out, overlay=overlay)
                    files |= beside
                    areas += rows
                if image is not None and has_volumes(predictor, prediction):
                    sizes += volumes_of(predictor, prediction, image)
                files |= kept.written(prediction)
                files |= tiles.written(prediction.case, image.geometry) if image is not None else {}
                records.append({**_record(predictor, prediction, top), **files})
    if not records and not reading.failed:
        remedy = "name pictures, folders, a table or a CSV of paths"
        raise UsageError("NO_SOURCE", str(sources[0]), "there is nothing to answer here", remedy)
    atomic.write_text(out / "predictions.csv", _csv(predictor, records, reading))
    told = [finding.record() for finding in reading.findings()]
    findings = {**({"findings": told} if told else {}), **({"allowed": sorted(set(allow))} if allow else {})}
    atomic.write_json(out / "predictions.json", {**_about(predictor), **findings, "predictions": records})
    _listed(out / "volumes.csv", COLUMNS, [[row[c] for c in COLUMNS] for row in sizes])
    _listed(out / "areas.csv", AREAS, [[row[c] for c in AREAS] for row in areas])
    lost = [[source, e.code, e.what, e.remedy] for source, e in zip(reading.failed, reading.reasons, strict=True)]
    _listed(out / "failed.csv", ["source", "code", "what", "remedy"], lost)
    drawn = {**({"volumes": sizes} if sizes else {}), **({"areas": areas} if areas else {})}
    return Outcome(
        path=out,
        facts={"n": len(records), "predictions": records, "failed": reading.failed, **drawn, **findings},
        text=[*_lines(records), f"{count(len(records), 'answer')} in {out / 'predictions.csv'}"],
        failed=reading.failed,
        list_file=out / "failed.csv",
    )


def _slide(
    predictor: Predictor, name: str, image: Image, reading: Reading, *, out: Path, overlay: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A slide, whose answer is written while it is computed; and its rows of areas."""
    reading.images.pop(name)
    record, areas = answer_slide(predictor, name, image, source=reading.item_of(name), out=out, overlay=overlay)
    return {"case": name, **record}, areas


def _store(predictor: Predictor, kept: Kept | None) -> Store | None:
    """What keeps probabilities: files where they are asked for; those of pictures are looked at and forgotten."""
    from sagittal.engine.drawing import on_disk

    if kept is not None:
        return kept.array
    return on_disk if predictor.plan.preparation.axes == 2 else None


def _answered(
    predictor: Predictor, items: Iterable[tuple[str, Image]], reading: Reading, *, store: Store | None, look: Look
) -> Iterator[tuple[Prediction, Image | None]]:
    """Each answer with its source; windows that are answered by themselves with their part of it, where they are drawn on."""
    if predictor.plan.unit == "case":
        failed = reading.mark if reading.lenient else None
        for prediction in predictor.answer(items, store=store, failed=failed, look=look):
            yield prediction, reading.images.pop(prediction.case)
    else:
        from sagittal.engine.explain import part_of

        for prediction in predictor.answer_windows(items):
            # windows of one case after the other: all but the case that was opened last are done
            reading.images = dict([reading.images.popitem()])
            whole = next(iter(reading.images.values()))
            yield prediction, part_of(predictor, whole, prediction.geometry) if is_drawn(predictor) else None


def _record(predictor: Predictor, prediction: Prediction, top: int) -> dict[str, Any]:
    from sagittal.engine.predictions import words

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
        files = {"answer": write_drawn(predictor, prediction, out).name, **write_legend(predictor, prediction, out)}
        if not overlay:
            return files
        from sagittal.verbs._pictures import answered, told_apart

        atomic.write_bytes(picture, answered(image, told_apart(prediction), prediction.labels))
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


def _picture(
    predictor: Predictor, prediction: Prediction, image: Image, *, out: Path, overlay: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Outlines of an answer drawn on a picture, its probabilities and the map of them; and its rows of areas."""
    name, sure = safe_name(prediction.case), Sure.of(prediction, extra=extra_of(predictor))
    tally = sure.tally() if sure is not None else None
    files, rows = outlined(prediction, out, name, inside=rounded(tally.inside) if tally is not None else NONE)
    heat = write_heat(image, sure, out, name) if sure is not None and overlay else {}
    return {**files, **heat, **({"p": rounded(tally.whole)} if tally is not None else {})}, rows


def _csv(predictor: Predictor, records: Sequence[dict[str, Any]], reading: Reading) -> str:
    """The table of answers; where each comes from stands last, since a series of DICOM is called after none of its folders."""
    classes = predictor.plan.labels.classes
    rows: list[list[Any]]
    if predictor.task.calibrated:
        rows = [["case", "predicted", *(f"p:{c}" for c in classes), "at_operating_point", "abstained"]]
        for r in records:
            cells = [f"{r['p'][c]:.6f}" for c in classes]
            rows.append([r["case"], r["predicted"], *cells, r.get("at_operating_point", ""), "yes" if r["abstained"] else ""])
    elif is_drawn(predictor):
        names = scored(predictor) if any("p" in r for r in records) else ()
        rows = [["case", "answer", *(f"p:{c}" for c in names)]]
        rows += [[r["case"], r["answer"], *(f"{r['p'][c]:.6f}" if "p" in r else "" for c in names)] for r in records]
    else:
        rows = [["case", *(f"value:{c}" for c in classes)]]
        rows += [[r["case"], *(r["values"][c] for c in classes)] for r in records]
    sources = ["source", *(reading.source_of(r["case"]) for r in records)]
    return as_text([[*row, source] for row, source in zip(rows, sources, strict=True)])


def _listed(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A list that is there only where it has rows: that of an earlier prediction into the folder does not stay."""
    if rows:
        atomic.write_text(path, as_text([head, *rows]))
    else:
        with atomic.storage(path):
            path.unlink(missing_ok=True)


def _about(predictor: Predictor) -> dict[str, Any]:
    head = {"format": "sagittal-predictions", "version": 1}
    return {
        **head,
        "model": predictor.provenance,
        **_within(predictor),
        "labels": predictor.plan.labels.record(),
        "notice": "Not a medical device.",
    }


def _within(predictor: Predictor) -> dict[str, Any]:
    """The memory that the windows of a drawn answer were allowed to take, in GiB."""
    allowed = predictor.budget.allowed
    return {} if allowed is None else {"max_ram": allowed, "evaluated_with_max_ram": predictor.plan.max_ram}


def _lines(records: Sequence[dict[str, Any]], most: int = 10) -> list[str]:
    lines = []
    for r in records[:most]:
        chances = ", ".join(f"{t['class']} {t['p']:.3f}" for t in r.get("top", []))
        lines.append(f"{r['case']}: {chances or r.get('values') or r.get('answer', '')}{'  (abstains)' if r.get('abstained') else ''}")
    return lines + ([f"and {len(records) - most} more"] if len(records) > most else [])
