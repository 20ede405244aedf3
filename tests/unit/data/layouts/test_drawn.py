"""What drawings are is told by the drawings, whether folders, a table or a manifest names them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.data.discover import discover
from sagittal.errors import UsageError

GRID = Geometry.picture((40, 40))


def _boxes(n):
    return [(4 + 5 * (i % 7), 4 + 5 * (i // 7)) for i in range(n)]


def _svg(path, n):
    shapes = "".join(f'<rect id="cell" x="{x}" y="{y}" width="3" height="3"/>' for x, y in _boxes(n))
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">{shapes}</svg>')


def _geojson(path, n):
    rings = [[[x, y], [x + 3, y], [x + 3, y + 3], [x, y + 3], [x, y]] for x, y in _boxes(n)]
    told = {"classification": {"name": "cell"}}
    features = [{"type": "Feature", "properties": told, "geometry": {"type": "Polygon", "coordinates": [r]}} for r in rings]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _numbers(path, n):
    values = np.zeros((1, 40, 40), np.uint8)
    for number, (x, y) in enumerate(_boxes(n), 1):
        values[0, y : y + 3, x : x + 3] = number
    io.write(Image.of(values, GRID), path)


WRITERS = {".svg": _svg, ".geojson": _geojson, ".png": _numbers}


def _named(root, suffix, counts, *, by):
    """Pictures and drawings below folders that say nothing, and what names them."""
    (root / "p").mkdir(parents=True)
    (root / "q").mkdir()
    rows = []
    for i, n in enumerate(counts):
        io.write(Image.of(np.full((1, 40, 40), i, np.uint8), GRID), root / f"p/s{i}.png")
        WRITERS[suffix](root / f"q/d{i}{suffix}", n)
        rows.append([str(i), f"p/s{i}.png", f"q/d{i}{suffix}"])
    head = ["case", "image", "annotation"] if by == "manifest.csv" else ["nr", "file", "mask"]
    with (root / by).open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return root


@pytest.mark.parametrize("by", ["manifest.csv", "table.csv"])
@pytest.mark.parametrize("suffix", WRITERS)
def test_many_outlines_or_numbers_are_objects_whoever_names_them(tmp_path, suffix, by):
    seen = discover(_named(tmp_path / "many", suffix, (22, 25, 28), by=by)).manifest.check()
    assert (seen.provenance["layout"], seen.said) == ("manifest_csv" if by == "manifest.csv" else "any_csv", "objects")
    assert "each " in seen.provenance["sentence"]
    objects, _ = seen.annotation(seen.cases[0], like=GRID).instances_of(GRID)
    assert objects.max() == 22
    told = discover(tmp_path / "many", options={"objects": False}).manifest
    assert told.said == ("mask" if suffix == ".png" else "outlines")
    few = discover(_named(tmp_path / "few", suffix, (2, 2, 2), by=by)).manifest
    assert few.said == told.said
    assert few.labels.classes == {".png": ("background", "1", "2"), ".svg": ("background", "foreground")}.get(
        suffix, ("background", "cell")
    )


def test_classes_of_drawings_may_be_named_whoever_names_the_files(tmp_path):
    options = {"words": {"cell": "nucleus"}}
    for by in ("manifest.csv", "table.csv"):
        seen = discover(_named(tmp_path / by[0], ".svg", (2, 3, 2), by=by), options=options).manifest
        assert (seen.labels.classes, seen.labels.positive) == (("background", "nucleus"), "nucleus")
        assert seen.annotation(seen.cases[0], like=GRID).mask_of(GRID).sum() == 18
    masks = _named(tmp_path / "masks", ".png", (2, 2, 2), by="table.csv")
    assert discover(masks, options={"classes": ["ground", "a", "b"]}).manifest.labels.classes == ("ground", "a", "b")
    with pytest.raises(UsageError, match=r"data\.words.*not all drawings are outlines"):
        discover(masks, layout="any_csv", options=options)


def test_what_lies_beside_a_manifest_is_not_guessed_anew(tmp_path):
    root = _named(tmp_path / "data", ".svg", (22, 25, 28), by="table.csv")
    kept = discover(root, options={"objects": False}).manifest
    kept.write(tmp_path / "kept")
    assert discover(tmp_path / "kept").manifest.said == "outlines"


@pytest.mark.real_data
def test_a_table_of_monuseg_is_nuclei(real_data, tmp_path):
    slides = sorted((real_data / "monuseg/tissue_image").glob("*.tif"))
    rows = [["slide", "file", "outlines"], *([p.stem, f"tissue_image/{p.name}", f"annotations/{p.stem}.xml"] for p in slides)]
    for folder in ("tissue_image", "annotations"):
        (tmp_path / folder).symlink_to(real_data / "monuseg" / folder)
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    seen = discover(tmp_path / "list.csv")
    assert (seen.layout, seen.manifest.said, len(seen.manifest)) == ("any_csv", "objects", 4)
    plain = discover(real_data / "monuseg").manifest
    assert (seen.manifest.labels, {c.group for c in seen.manifest.cases}) == (plain.labels, {c.group for c in plain.cases})
