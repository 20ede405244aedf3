"""The answer to a slide is written while it is computed, and taken up where a killed prediction left it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import shapely
import tifffile
import torch

import sagittal
from sagittal import io
from sagittal.engine.drawing import in_memory
from sagittal.engine.postprocess import Postprocessing, Step
from sagittal.engine.streaming import stream
from sagittal.io.writers.raster import encode_png
from sagittal.ops.components import components
from sagittal.phantoms.slide import slide
from sagittal.report.thumbnails import thumbnails
from sagittal.verbs._open import predictor_at
from sagittal.verbs._outlined import outlined
from sagittal.verbs._parts import Parts
from sagittal.verbs._streamed import answer_slide
from sagittal.verbs._sure import Sure, write_heat
from sagittal.verbs.explain import explain


@pytest.fixture(scope="module")
def trained(slides_run):
    """A run on a few tiny slides, and their folder."""
    return slides_run()


def source_of(data):
    return str(data / "patient-01_slide-1.tif")


def opened(trained):
    run, data = trained
    return predictor_at(run, device="cpu"), io.read(source_of(data))


def test_the_files_of_a_slide(trained, tmp_path):
    run, data = trained
    sagittal.predict(run, [source_of(data)], out=tmp_path)
    name = "patient-01_slide-1"
    answer = io.read(tmp_path / f"{name}.tif")
    legend = json.loads((tmp_path / f"{name}.json").read_text())
    with tifffile.TiffFile(tmp_path / f"{name}.tif") as file:
        assert file.pages[0].is_tiled
        counts = np.bincount(file.pages[0].asarray().ravel(), minlength=2)
    assert answer.geometry.shape == (512, 640)
    assert [c["samples"] for c in legend["classes"]] == counts.tolist()
    assert legend["classes"][1]["mm2"] == pytest.approx(counts[1] * 1e-6)
    rows = list(csv.DictReader((tmp_path / f"{name}_tiles.csv").open()))
    assert len(rows) == legend["tiles_on_tissue"] < legend["tiles"]
    assert all(float(r["p:background"]) + float(r["p:tumour"]) == pytest.approx(1, abs=1e-4) for r in rows)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
    for picture in (f"{name}_heat.png", f"{name}_overlay.png"):
        assert io.read(tmp_path / picture).geometry.shape[1] == 512


def test_the_streamed_answer_is_the_one_that_is_evaluated(trained, tmp_path):
    predictor, image = opened(trained)
    answer_slide(predictor, "a", image, source=source_of(trained[1]), out=tmp_path, overlay=False)
    whole = next(iter(predictor.answer([("a", image)])))
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif", level=0), whole.answer)


def test_a_slide_is_as_sure_as_a_picture_of_the_same_samples(trained, tmp_path):
    predictor, image = opened(trained)
    record, (row,) = answer_slide(predictor, "a", image, source=source_of(trained[1]), out=tmp_path, overlay=True)
    whole = next(iter(predictor.answer([("a", image)], store=in_memory)))
    tally = Sure.of(whole, extra=()).tally()
    assert 0.5 <= row["mean_probability"] == pytest.approx(tally.inside["tumour"], abs=1 / 255)
    assert record["p"] == pytest.approx(tally.whole, abs=1 / 255)
    assert record["areas"]["tumour"]["mean_probability"] == row["mean_probability"]
    write_heat(image, Sure.of(whole, extra=()), tmp_path, "whole")
    seen = [io.read(tmp_path / f"{name}_heat.png").read().astype(int) for name in ("a", "whole")]
    assert seen[0].shape == seen[1].shape and np.abs(seen[0] - seen[1]).max() <= 3


def test_outlines_of_a_slide_lie_in_its_pixels_are_valid_and_are_the_mask_again(trained, tmp_path, monkeypatch):
    predictor, image = opened(trained)
    (tmp_path / "narrow").mkdir()
    record, rows = answer_slide(predictor, "a", image, source=source_of(trained[1]), out=tmp_path, overlay=False)
    labels, mask = predictor.plan.labels, tifffile.imread(tmp_path / "a.tif", level=0)
    assert 0 < (mask == 1).sum() < mask.size
    for name in ("a.geojson", "a.svg"):
        said = io.read_annotation(tmp_path / name, labels, like=image.geometry)
        np.testing.assert_array_equal(said.mask_of(image.geometry), mask)
    found = json.loads((tmp_path / "a.geojson").read_text())["features"]
    polygons = [shapely.geometry.shape(f["geometry"]) for f in found]
    pieces, count = components(mask, connectivity="faces")
    assert all(p.is_valid for p in polygons) and len(polygons) == count == record["pieces"]["tumour"]
    assert sorted(p.area for p in polygons) == sorted(np.bincount(pieces.ravel())[1:].tolist())
    assert shapely.union_all(polygons).area == pytest.approx((mask == 1).sum()), "none twice, no seam"
    (row,) = rows
    assert (row["objects"], row["samples"], row["area_mm2"]) == (count, (mask == 1).sum(), pytest.approx((mask == 1).sum() * 1e-6))
    whole = next(iter(predictor.answer([("a", image)])))
    outlined(whole, tmp_path / "narrow", "a")
    for name in ("a.geojson", "a.svg"):
        assert (tmp_path / "narrow" / name).read_bytes() == (tmp_path / name).read_bytes(), "as of a picture that is answered at once"


def test_outlines_of_an_answer_on_a_coarser_grid_lie_in_the_pixels_of_the_finest(trained, tmp_path):
    predictor, _ = opened(trained)
    fine = io.read(f"{source_of(trained[1])}::mpp=0.4")
    answer_slide(predictor, "a", fine, source=source_of(trained[1]), out=tmp_path, overlay=False)
    mask = tifffile.imread(tmp_path / "a.tif", level=0)
    assert mask.shape == (205, 256)
    polygons = [shapely.geometry.shape(f["geometry"]) for f in json.loads((tmp_path / "a.geojson").read_text())["features"]]
    down, right = 512 / 205, 640 / 256
    assert sum(p.area for p in polygons) == pytest.approx((mask == 1).sum() * down * right, rel=1e-3)
    y, x = np.nonzero(mask == 1)
    xs, ys, xe, ye = shapely.union_all(polygons).bounds
    ends = (y.min() * down, x.min() * right, (y.max() + 1) * down, (x.max() + 1) * right)
    assert (ys, xs, ye, xe) == pytest.approx(ends, abs=0.01)


def test_a_model_that_tidies_its_maps_tidies_those_of_slides(trained, tmp_path):
    predictor, image = opened(trained)
    steps = (Step(name="largest_component", label="tumour"),)
    tidy = replace(predictor, postprocessing=Postprocessing(background="background", steps=steps))
    record, _ = answer_slide(tidy, "a", image, source=source_of(trained[1]), out=tmp_path, overlay=False)
    mask = tifffile.imread(tmp_path / "a.tif", level=0)
    np.testing.assert_array_equal(mask, next(iter(tidy.answer([("a", image)]))).answer)
    assert record["areas"]["tumour"]["samples"] == mask.sum() and components(mask)[1] == 1
    said = io.read_annotation(tmp_path / "a.geojson", predictor.plan.labels, like=image.geometry)
    np.testing.assert_array_equal(said.mask_of(image.geometry), mask)


def test_an_explanation_shows_slides_with_truth_and_answer_and_the_scores_of_a_part(trained, tmp_path):
    run, _ = trained
    folder = explain(run, cases=["patient-01_slide-1"], out=tmp_path / "out", device="cpu").path
    index = json.loads((folder / "index.json").read_text())
    assert index["scores"] == "scores.png" and index["scores_of"] == ["background", "tumour"]
    sizes = {name: io.read(folder / name).geometry.shape for name in ("kernels.png", "scores.png", *(i["overlay"] for i in index["items"]))}
    assert sizes["scores.png"] == (192, 3 * 192 + 2 * 4), "a window of 64 enlarged, and a map for each class"
    assert all(max(size) > 500 for name, size in sizes.items() if name.endswith("_answer.png"))


def test_a_slide_has_a_thumbnail_though_it_is_too_large_to_be_read_whole(trained, monkeypatch):
    small = io.Limits().but(pixels=200_000)
    monkeypatch.setattr("sagittal.io.Limits.default", lambda: small)
    made = thumbnails(trained[0])("patient-01_slide-1")
    assert made is not None and made.startswith("data:image/png")


class Stopped(Exception):
    pass


class Stopping(Parts):
    """Parts of an attempt that ends after some rows, or in the middle of a tile's line."""

    left = 3

    def rows(self, start, answer, scores):
        super().rows(start, answer, scores)
        self.left -= 1
        if not self.left:
            with (self.folder / "answer.raw").open("ab") as file:
                file.write(b"torn")
            with (self.folder / "tiles.csv").open("a") as file:
                file.write("12,3")
            raise Stopped


def test_a_restart_computes_only_what_is_missing_and_ends_in_the_same_files(trained, tmp_path):
    predictor, image = opened(trained)
    source = source_of(trained[1])
    (tmp_path / "once").mkdir()
    (tmp_path / "twice").mkdir()
    once = answer_slide(predictor, "a", image, source=source, out=tmp_path / "once", overlay=False)
    from sagittal.verbs._streamed import _identity

    torn = Stopping(folder=tmp_path / "twice" / ".a.part", labels=predictor.plan.labels, identity=_identity(predictor, source, image))
    with pytest.raises(Stopped):
        stream(predictor, "a", image, torn)
    seen = []
    watched = replace(image, load=lambda w: (seen.append(w), image.load(w))[1])
    twice = answer_slide(predictor, "a", watched, source=source, out=tmp_path / "twice", overlay=False)
    assert once == twice
    assert 0 < len(seen) < json.loads((tmp_path / "once" / "a.json").read_text())["tiles_on_tissue"]
    for name in ("a.tif", "a_tiles.csv", "a.geojson", "a.svg"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


def test_parts_of_another_model_are_thrown_away(trained, tmp_path):
    predictor, image = opened(trained)
    source = source_of(trained[1])
    from sagittal.verbs._streamed import _identity

    torn = Stopping(folder=tmp_path / ".a.part", labels=predictor.plan.labels, identity=_identity(predictor, source, image))
    with pytest.raises(Stopped):
        stream(predictor, "a", image, torn)
    with torch.no_grad():
        next(iter(predictor.members[0].parameters())).add_(0.5)
    answer_slide(predictor, "a", image, source=source, out=tmp_path, overlay=False)
    whole = next(iter(predictor.answer([("a", image)])))
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif", level=0), whole.answer)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_prediction_goes_on(trained, tmp_path):
    run, data = trained
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "sagittal.cli",
        "predict",
        str(run),
        source_of(data),
        "-o",
        str(out),
        "--no-overlay",
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = out / ".patient-01_slide-1.part" / "state.json"
    rows = 0
    end = time.monotonic() + 120
    while not rows and process.poll() is None and time.monotonic() < end:
        rows = json.loads(state.read_text())["rows"] if state.exists() else 0
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sagittal.predict(run, [source_of(data)], out=out, overlay=False, device="cpu")
    sagittal.predict(run, [source_of(data)], out=tmp_path / "whole", overlay=False, device="cpu")
    names = sorted(p.name for p in (tmp_path / "whole").iterdir())
    assert {"patient-01_slide-1.tif", "patient-01_slide-1.geojson", "patient-01_slide-1.svg", "areas.csv"} <= set(names)
    assert sorted(p.name for p in out.iterdir()) == names
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_slide_without_micrometres_is_refused_until_the_user_states_them(trained, tmp_path):
    bare = slide(tmp_path / "bare", patients=1, size=(512, 512), mpp=None)
    run, _ = trained
    source = str(bare / "patient-01_slide-1.tif")
    with pytest.raises(sagittal.errors.Refused, match=r"NO_MPP patient-01_slide-1\.tif: "):
        sagittal.predict(run, [source], out=tmp_path / "out", overlay=False)
    others = sagittal.predict(run, [source, source_of(trained[1])], out=tmp_path / "some", overlay=False, allow_unreadable=True)
    assert others.failed == [source] and len(others.facts["predictions"]) == 1, "the others are answered"
    sagittal.predict(run, [source], out=tmp_path / "out", overlay=False, mpp=1.0)
    assert (tmp_path / "out" / "patient-01_slide-1.tif").exists()


def test_a_thumbnail_beside_a_slide_is_not_answered(trained, tmp_path):
    run, data = trained
    (tmp_path / "slides").mkdir()
    shutil.copy(data / "patient-01_slide-1.tif", tmp_path / "slides")
    image = io.read(data / "patient-01_slide-1.tif").coarser(4).read()
    (tmp_path / "slides" / "patient-01_slide-1_thumbnail.png").write_bytes(encode_png(image))
    done = sagittal.predict(run, [tmp_path / "slides"], out=tmp_path / "out", overlay=False, device="cpu")
    assert [p["case"] for p in done.facts["predictions"]] == ["patient-01_slide-1"]


def test_a_slide_that_breaks_while_it_is_read_is_skipped_where_that_is_allowed(trained, tmp_path, monkeypatch):
    run, data = trained
    names = [str(data / f"patient-0{i}_slide-1.tif") for i in (1, 2)]

    def breaks(predictor, name, image, **more):
        if name == "patient-01_slide-1":
            raise sagittal.errors.UnreadableInput("TRUNCATED", "a tile", "the file ends before it", "copy it again")
        return answer_slide(predictor, name, image, **more)

    monkeypatch.setattr("sagittal.verbs.predict.answer_slide", breaks)
    with pytest.raises(sagittal.errors.UnreadableInput, match="TRUNCATED"):
        sagittal.predict(run, names, out=tmp_path / "ends", overlay=False)
    made = sagittal.predict(run, names, out=tmp_path / "goes on", overlay=False, allow_unreadable=True)
    assert made.failed == names[:1] and [p["case"] for p in made.facts["predictions"]] == ["patient-02_slide-1"]
