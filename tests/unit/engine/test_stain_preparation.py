"""Colours are brought to the plan's before anything else sees them, of a slide as of a picture in memory."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sagittal.core import Case, Geometry, Image, Labels, Window
from sagittal.data.manifest import Manifest
from sagittal.engine.prepare import Preparation
from sagittal.engine.slide_rules import stain_of
from sagittal.errors import UsageError
from sagittal.io.writers.raster import encode_png
from sagittal.ops.stain import normalised, stains_of
from sagittal.phantoms._tissue import Stain, tile


def tissue(seed=0, **stain):
    rng = np.random.default_rng(seed)
    return tile((160, 192), [], Stain(**{"blue": 1.0, "pink": 1.0, "light": 1.0, **stain}), rng).transpose(2, 0, 1).copy()


def image(values, *, tiled=False):
    return replace(Image.of(values, Geometry.picture(values.shape[1:]), meta={"bits": 8}), tiled=tiled)


@pytest.mark.parametrize("method", ["macenko", "reinhard", "vahadane"])
def test_pictures_and_slides_are_seen_in_the_colours_of_the_plan(method):
    source, target = tissue(0, blue=0.85), stains_of(tissue(1, pink=1.2), method)
    how = Preparation(axes=2, channels="rgb", high=(255.0,), stain=target)
    wanted = normalised(source, stains_of(source, method), target)
    early, late = how.ready(image(source)), how.ready(image(source, tiled=True))
    place = early.grid.at(Window((16, 32), (64, 64)))
    assert np.array_equal(np.rint(early.see(place) * 255), wanted[:, 16:80, 32:96])
    assert np.array_equal(early.see(place), late.see(place))
    again = Preparation.from_record(json.loads(json.dumps(how.record())))
    assert again == how


def test_a_picture_without_tissue_stays_as_it_is():
    how = Preparation(axes=2, channels="rgb", high=(255.0,), stain=stains_of(tissue(), "macenko"))
    glass = np.full((3, 64, 64), 240, np.uint8)
    assert np.array_equal(how.ready(image(glass)).array, glass)


def test_the_target_is_a_training_case_in_the_middle(tmp_path):
    pinks = [0.8, 1.0, 1.25]
    for n, pink in enumerate(pinks):
        (tmp_path / f"{n}.png").write_bytes(encode_png(tissue(3, pink=pink)))
    (tmp_path / "9.png").write_bytes(encode_png(tissue(3, pink=3.0)))
    cases = [Case(id=str(n), images={"image": f"{n}.png"}, split="train", label="a") for n in range(3)]
    cases.append(Case(id="9", images={"image": "9.png"}, split="test", label="a"))
    manifest = Manifest(cases=tuple(cases), labels=Labels(classes=("a", "b")), root=tmp_path, provenance={"said": "label"})
    assert stain_of(manifest, "macenko") == stains_of(tissue(3, pink=1.0), "macenko")
    (tmp_path / "0.png").write_bytes(encode_png(np.full((3, 64, 64), 240, np.uint8)))
    with pytest.raises(UsageError, match="NO_STAIN"):
        stain_of(manifest.with_cases(cases[:1]), "macenko")
