"""What an explanation writes: maps on the sources' own grids, pictures of them, and an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sagittal.io import atomic
from sagittal.verbs._drawn import safe_name, scored
from sagittal.verbs._outcome import Outcome
from sagittal.verbs._pictures import SLIDE_PX, Canvas, compared, legend

if TYPE_CHECKING:
    from sagittal.core.geometry import Geometry
    from sagittal.core.image import Image
    from sagittal.core.window import Window
    from sagittal.data.manifest import Manifest
    from sagittal.engine.assess import Assessment
    from sagittal.engine.explain import Pick
    from sagittal.engine.infer import Predictor

SCORES, FEATURES = "scores.png", "features.png"

MOST_BORDERS = 16
"""Cases of whose pictures the border is looked at: it takes a finer map, which is slow."""


def write_explanations(
    predictor: Predictor, manifest: Manifest, assessment: Assessment, *, folder: Path, most: int, maps: int = 1, note: str = ""
) -> Outcome:
    """Explain the picked cases of an assessment into a folder.

    Args:
        predictor: The model.
        manifest: Of the cases.
        assessment: The answers.
        folder: Where to.
        most: Cases of each kind.
        maps: Of drawn answers, how many cases also get a map of what spoke for the class that is drawn worst.
        note: What a reader must know about the cases.
    """
    from sagittal.data.images import image_of
    from sagittal.engine.explain import FINE, IS_FINE, pick
    from sagittal.engine.importance import importance_of

    folder.mkdir(parents=True, exist_ok=True)
    for name in (SCORES, FEATURES):
        (folder / name).unlink(missing_ok=True)
    threshold = predictor.operating.threshold if predictor.operating is not None else None
    picks = pick(assessment, most=most, threshold=threshold, classes=predictor.plan.labels.classes)
    # Where an answer is drawn, the picture of it says more than a map of what spoke for it.
    drawn = assessment.answers is None or assessment.answers.kind == "boxes"
    done: dict[tuple[str, int], dict[str, Any]] = {}
    items: list[dict[str, Any]] = []
    record: dict[str, Any] = {"format": "sagittal-explanation", "version": 1, "method": "" if drawn else predictor.plan.explain.name}
    for p in picks:
        key = (p.row.id, p.target)
        if key not in done:
            image = image_of(p.row.case, manifest)
            if not done and image.geometry.axes == 2:
                _write_features(predictor, image, folder / FEATURES)
            done[key] = (
                _drawn(
                    predictor, manifest, p, image, folder=folder, mapped=assessment.answers is None and len(done) < maps, scored=not done
                )
                if drawn
                else _explained(predictor, p, image, folder=folder, asks=len(done) < MOST_BORDERS)
            )
        items.append({**_told(predictor, p), **done[key]})
    record["items"] = items
    if note:
        record["note"] = note
    if drawn:
        record["legend"] = {c: f"{name}: first as a person drew it, then the answer" for c, name in legend(predictor.plan.labels).items()}
    borders = [found for found in done.values() if found.get("border") is not None]
    if borders:
        record["border_attention"] = _border_record(borders, record["method"] if record["method"] in IS_FINE else FINE.name)
    if predictor.plan.preparation.axes == 0:
        record["importance"] = importance_of(predictor, manifest, assessment.rows)
    if (folder / SCORES).exists():
        record |= {"scores": SCORES, "scores_of": list(scored(predictor))}
    if (folder / FEATURES).exists():
        record["features"] = FEATURES
    kernels = _kernels(predictor)
    if kernels is not None:
        atomic.write_bytes(folder / "kernels.png", kernels)
        record["kernels"] = "kernels.png"
    atomic.write_json(folder / "index.json", record)
    return Outcome(path=folder, facts={"items": len(items)}, text=[f"{len(done)} cases explained in {folder}"])


def _told(predictor: Predictor, p: Pick) -> dict[str, Any]:
    from sagittal.engine.predictions import words

    classes = predictor.plan.labels.classes
    told = {"case": p.row.id, "group": p.row.case.group, "target": classes[p.target], "kind": p.kind}
    if p.note:
        return {**told, "predicted": p.note}
    said = {"truth": words(p.row.truth, classes), "predicted": words(p.row.answer, classes)}
    return {**told, **said, **({} if p.p is None else {"p": round(p.p, 6)})}


def _drawn(predictor: Predictor, manifest: Manifest, p: Pick, image: Image, *, folder: Path, mapped: bool, scored: bool) -> dict[str, Any]:
    """Write the case with the truth and with the answer drawn on it, where asked the scores and what spoke for its class; gives names."""
    from sagittal.engine.streaming import fits, grid_of

    answer, grid = _answer(predictor, p.row.case.id, image)
    if scored and image.geometry.axes == 2 and predictor.dense:
        atomic.write_bytes(folder / SCORES, _scores(predictor, answer, image))
    labels = predictor.plan.labels
    truth = predictor.task.truth(manifest.annotation(p.row.case, like=image.geometry), grid)
    both = compared(image, truth, answer, labels)
    if both is None:
        return {}
    stem = safe_name(p.row.id)
    for name, data in zip((f"{stem}.png", f"{stem}_answer.png"), both, strict=True):
        atomic.write_bytes(folder / name, data)
    names = {"picture": f"{stem}.png", "overlay": f"{stem}_answer.png"}
    # A map of a slide that large would not be in memory either
    mapped = mapped and predictor.task.samplewise and (not image.tiled or fits(grid_of(predictor, image)))
    return {**names, **_map(predictor, p, image, folder=folder)} if mapped else names


def _answer(predictor: Predictor, name: str, image: Image) -> tuple[NDArray[Any], Geometry]:
    """What is drawn on a case and on which grid: of a slide few samples of it, all that a picture of it shows."""
    from sagittal.engine.streaming import Thinned, by_rows, stream

    if by_rows(predictor, image):
        thinned = Thinned(most=2 * SLIDE_PX)
        stream(predictor, name, image, thinned)
        return thinned.answer, image.geometry.resized(thinned.answer.shape)
    prediction = next(iter(predictor.answer([(name, image)])))
    return np.asarray(prediction.answer), prediction.geometry


def _map(predictor: Predictor, p: Pick, image: Image, *, folder: Path) -> dict[str, Any]:
    """Write what spoke for the class of a drawn answer; gives the names, nothing where nothing was answered as it."""
    from sagittal.engine.explain import explain_case
    from sagittal.report import galleries

    found = explain_case(predictor, p.row.case.id, image, target=p.target)
    if not found.values.any():
        return {}
    stem, canvas = f"{safe_name(p.row.id)}-{safe_name(found.target)}", Canvas.of(image)
    with atomic.writing(folder / f"{stem}.npy") as file:
        np.save(file, found.values)
    heat = canvas.turned(found.values, found.geometry)
    atomic.write_bytes(folder / f"{stem}_cam.png", galleries.explained(canvas.values, heat, spacing=canvas.spacing)[1])
    return {"attention": f"{stem}_cam.png", "map": f"{stem}.npy", "attention_to": found.target, "attention_method": found.method}


def _explained(predictor: Predictor, p: Pick, image: Image, *, folder: Path, asks: bool) -> dict[str, Any]:
    """Write picture, overlay and map of one case; gives their names, and where asked how much of the attention is at the border."""
    from sagittal.engine.explain import border_of, explain_case, part_of
    from sagittal.explainers._border import border_share
    from sagittal.report import galleries

    image = part_of(predictor, image, p.row.place) if p.row.place is not None else image
    found = explain_case(predictor, p.row.id, image, target=p.target)
    stem = f"{safe_name(p.row.id)}-{safe_name(found.target)}"
    with atomic.writing(folder / f"{stem}.npy") as file:
        np.save(file, found.values)
    if not image.geometry.axes:
        columns = {n: round(float(v), 6) for n, v in zip(image.channels, found.values, strict=True)}
        return {"map": f"{stem}.npy", "columns": columns}
    canvas = Canvas.of(image)
    below, covered = galleries.explained(canvas.values, canvas.turned(found.values, found.geometry), spacing=canvas.spacing)
    atomic.write_bytes(folder / f"{stem}.png", below)
    atomic.write_bytes(folder / f"{stem}_cam.png", covered)
    border = (
        {"border": border_of(predictor, found, image, target=p.target), "border_share": border_share(found.values.shape)} if asks else {}
    )
    return {"picture": f"{stem}.png", "overlay": f"{stem}_cam.png", "map": f"{stem}.npy", **border}


def _border_record(items: Sequence[Mapping[str, Any]], method: str) -> dict[str, Any]:
    """How much attention lies at the border, and how much of the maps' area the border is."""
    borders = [float(i["border"]) for i in items]
    return {
        "mean": float(np.mean(borders)),
        "share": float(np.mean([i["border_share"] for i in items])),
        "n": len(borders),
        "method": method,
        "values": [round(b, 4) for b in borders],
    }


def _kernels(predictor: Predictor) -> bytes | None:
    from sagittal.explainers._features import first_kernels
    from sagittal.report import galleries

    weights = first_kernels(predictor.members[0])
    return galleries.kernels(weights) if weights is not None and weights.ndim == 4 else None


def _write_features(predictor: Predictor, image: Image, file: Path) -> None:
    """Write what the first stage of the network makes of the middle window of a picture, where it makes maps."""
    import torch

    from sagittal.explainers._features import feature_maps
    from sagittal.report import galleries

    network = (predictor.apart() or [predictor])[0].members[0]
    ready = predictor.plan.preparation.ready(image)
    windows = predictor.budget.choose(ready.grid).windows
    seen = torch.from_numpy(predictor.see(ready, windows[len(windows) // 2])[None])
    maps = feature_maps(network, seen.to(predictor.device), stage=network.stages[0][0])
    if maps.ndim == 3:
        atomic.write_bytes(file, galleries.feature_maps(maps))


def _scores(predictor: Predictor, answer: NDArray[Any], image: Image) -> bytes:
    """The window of a case whose answer is parted most evenly between the background and the rest, and the score of each class in it."""
    import torch

    from sagittal.ops.resample import on_grid
    from sagittal.report import galleries

    labels = predictor.plan.labels
    drawn = answer != (labels.index(labels.background) if labels.background else -1)
    ready = predictor.plan.preparation.ready(image)
    grid = image.geometry.resized(drawn.shape)

    def share(window: Window) -> float:
        ends = grid.to_index(ready.grid.at(window).to_world([[-0.5] * 2, [n - 0.5 for n in window.size]])) + 0.5
        (top, left), (bottom, right) = (np.clip(np.rint(e), 0, drawn.shape).astype(int) for e in ends)
        part = drawn[top:bottom, left:right]
        return float(part.mean()) if part.size else 0.0

    windows = predictor.budget.choose(ready.grid).windows
    window = min(windows, key=lambda w: (abs(share(w) - 0.5), w.start))
    scores = predictor.scores(torch.from_numpy(predictor.see(ready, window)[None]))[0]
    values = on_grid(image, ready.grid.at(window))
    return galleries.scores(np.rint(values).clip(0, 255).astype(np.uint8) if image.meta.get("bits") == 8 else values, scores)
