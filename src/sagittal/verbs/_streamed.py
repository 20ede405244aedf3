"""Answers to slides as files that grow while they are computed, and go on where a killed prediction left them."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.io import atomic
from sagittal.io.writers._pyramid import write_pyramid
from sagittal.io.writers.csv import write_rows
from sagittal.verbs._drawn import LEVELS, extra_of, mpp_of, safe_name, write_codes
from sagittal.verbs._outlined import OBJECTS, Found, area_row
from sagittal.verbs._parts import Parts, Rows, each_band, raw_rows
from sagittal.verbs._slide_objects import SlideObjects, told_apart
from sagittal.verbs._slide_outlines import Outlines
from sagittal.verbs._sure import LONGEST, Sure, Tally, nearest, rounded, write_heat

if TYPE_CHECKING:
    from sagittal.engine.infer import Predictor
    from sagittal.engine.streaming import Job


def answer_slide(
    predictor: Predictor, name: str, image: Image, *, source: str, out: Path, overlay: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Answer a slide into files of its own; gives their names and what was found, and the rows of ``areas.csv``.

    ``NAME.tif`` holds the codes of the classes in a pyramid of tiles, in the slide's own world; ``NAME.geojson`` and ``NAME.svg``
    its outlines in the slide's pixels; ``NAME_tiles.csv`` what each tile was given; ``NAME_heat.png`` the probability of what is
    looked for on a thumbnail; ``NAME.json`` what the codes mean and how large the areas are. Objects that are told apart have
    their numbers in ``NAME_objects.tif`` and a row each in ``NAME_objects.csv``. Until they are whole, what is done lies in
    ``.NAME.part``. A model that tidies its label maps looks at the whole map, in memory, before it is outlined; of maps of more
    than :data:`sagittal.engine.streaming.MOST_TIDIED` samples the record says that it did not.
    """
    from sagittal.engine.streaming import fits, stream

    labels, stem, apart = predictor.plan.labels, safe_name(name), predictor.task.apart
    folder = out / f".{stem}.part"
    with Outlines(folder, labels, image.geometry) as outlines:
        parts = Parts(
            folder=folder,
            labels=labels,
            identity=_identity(predictor, source, image),
            extra=extra_of(predictor),
            follower=outlines if apart is None and not predictor.tidies else None,
        )
        job = stream(predictor, name, image, parts)
        drawn = Drawn.of(predictor, parts, job)
        drawn.outline(outlines, again=parts.follower is None)
        files = {**drawn.write(image.geometry, out, stem), **outlines.written(out, stem)}
    sure = Sure(rows=drawn.rows, shares=parts.shares, grid=job.grid, labels=labels, extra=parts.extra)
    tally = sure.tally()
    areas = _areas(tally, job.grid)
    files |= {"tiles": f"{stem}_tiles.csv", "legend": f"{stem}.json"}
    atomic.write_bytes(out / files["tiles"], (parts.folder / "tiles.csv").read_bytes())
    classes = [{"name": c, "code": labels.code(c), "colour": labels.colour(c), **areas[c]} for c in labels.classes]
    head = {"format": "sagittal-label-map", "version": 1, "classes": classes, "background": labels.background}
    tiles = {"tiles": job.windows[0], "tiles_on_tissue": job.windows[2], "micrometres": mpp_of(job.grid)}
    atomic.write_json(out / files["legend"], {**head, **tiles, "model": dict(predictor.provenance), "notice": "Not a medical device."})
    if overlay:
        files |= _pictures(image, sure, out=out, stem=stem)
    shutil.rmtree(parts.folder, ignore_errors=True)
    told = {"tidied": fits(job.grid)} if predictor.tidies and apart is None else {}
    counts = {c: outlines.counts[c] for c in labels.classes if c != labels.background}
    means = rounded(tally.inside)
    found = [area_row(name, Found(name=c, objects=n, samples=tally.samples[c], mean=means[c]), job.grid) for c, n in counts.items()]
    return {**files, **told, "p": rounded(tally.whole), "areas": areas, "objects" if apart is not None else "pieces": counts}, found


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The finished answer, read row by row.

    Args:
        rows: Reads class indices.
        grid: On which it lies.
        labels: The classes.
        objects: Where they are told apart.
    """

    rows: Rows
    grid: Geometry
    labels: Labels
    objects: SlideObjects | None = None

    @classmethod
    def of(cls, predictor: Predictor, parts: Parts, job: Job) -> Drawn:
        """What is to be done when all rows are there: tidy the map, or tell objects apart."""
        from sagittal.engine.streaming import fits

        labels, grid, apart = predictor.plan.labels, job.grid, predictor.task.apart
        rows = parts.answer
        if apart is not None:
            found = told_apart(apart, rows, grid, labels, parts.folder)
            return cls(rows=found.classes, grid=grid, labels=labels, objects=found)
        if predictor.postprocessing is not None and predictor.tidies and fits(grid):
            path = parts.folder / "tidied.raw"
            tidied = predictor.postprocessing.apply(rows(0, grid.shape[0]), grid, labels)
            with atomic.storage(path):
                np.ascontiguousarray(tidied, np.uint8).tofile(path)
            rows = raw_rows(path, grid.shape, np.uint8)
        return cls(rows=rows, grid=grid, labels=labels)

    def outline(self, outlines: Outlines, *, again: bool) -> None:
        """End the outlines; ``again`` where they were not made while the rows came."""
        found, count = self.objects, self.grid.shape[0]
        classes = None if found is None else found.class_of
        if again:
            outlines.begin(self.grid)
            if found is None or classes is None:
                each_band(self.rows, count, outlines.add)
            else:
                each_band(found.numbers, count, lambda rows: outlines.add_objects(rows, classes))
        outlines.end(classes)

    def write(self, slide: Geometry, out: Path, stem: str) -> dict[str, str]:
        """The label map with the codes of the data set's own files, and the objects; gives the names."""
        write_codes(out / f"{stem}.tif", self.rows, self.grid, self.labels)
        if self.objects is None:
            return {"answer": f"{stem}.tif"}
        shape, mpp = self.grid.shape, mpp_of(self.grid)
        write_pyramid(out / f"{stem}_objects.tif", self.objects.numbers, shape, mpp=mpp, levels=LEVELS, dtype=np.int32)
        write_rows(out / f"{stem}_objects.csv", OBJECTS, self.objects.table(slide))
        return {"answer": f"{stem}.tif", "objects_map": f"{stem}_objects.tif", "objects_table": f"{stem}_objects.csv"}


def _identity(predictor: Predictor, source: str, image: Image) -> dict[str, Any]:
    """Of what an answer depends on: another model, another file or another way to look at it begins anew."""
    path = Path(source.split("::", 1)[0])
    state = path.stat() if path.exists() else None
    file = "" if state is None else f"{state.st_size}:{state.st_mtime_ns}"
    weights = hashlib.sha256()
    for member in predictor.members:
        for name, value in sorted(member.state_dict().items()):
            weights.update(name.encode())
            weights.update(np.ascontiguousarray(value.detach().cpu().float().numpy()).tobytes())
    how = json.dumps([predictor.plan.preparation.record(), predictor.plan.windows.name, dict(predictor.plan.windows.options)], default=str)
    return {
        "file": file,
        "slide": image.geometry.record(),
        "weights": weights.hexdigest(),
        "how": hashlib.sha256(how.encode()).hexdigest(),
        "numbers": str(predictor.numbers),
    }


def _areas(tally: Tally, grid: Geometry) -> dict[str, dict[str, float | None]]:
    """Of each class: samples, mm\N{SUPERSCRIPT TWO} where it is known how large they are, and how sure the answer is of them."""
    each = grid.cell / 1e6 if grid.unit == "um" else None
    sizes = {c: {"samples": n, **({} if each is None else {"mm2": n * each})} for c, n in tally.samples.items()}
    means = rounded(tally.inside)
    return {c: {**size, **({"mean_probability": means[c]} if c in means else {})} for c, size in sizes.items()}


def _pictures(image: Image, sure: Sure, *, out: Path, stem: str) -> dict[str, Any]:
    """The heat map and the outlines on a thumbnail."""
    from sagittal.ops.overview import overview
    from sagittal.verbs._pictures import answered

    thumbnail = overview(image, longest=LONGEST)
    small = nearest(sure.small(), thumbnail.geometry.shape)
    file = f"{stem}_overlay.png"
    atomic.write_bytes(out / file, answered(thumbnail, small, sure.labels))
    return {**write_heat(thumbnail, sure, out, stem), "overlay": file}
