"""Objects of slides are told apart in bands, and are those of the whole picture."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import shapely
import tifffile

import sagittal
from sagittal import io
from sagittal.core import Labels
from sagittal.ops import growing
from sagittal.verbs import _parts
from sagittal.verbs._open import predictor_at
from sagittal.verbs._outlined import outlined
from sagittal.verbs._streamed import answer_slide


@pytest.fixture(scope="module")
def trained(slides_run):
    """A run that tells objects apart on tiny slides, and one of them."""
    windows = {"name": "tissue", "size": 64, "per_case": 6, "overlap": 0.25}
    more = {"task": "instances", "train.epochs": 2, "train.lr": 0.01, "windows": windows, "model": {"name": "unet", "widths": [8, 16]}}
    run, data = slides_run(**more)
    return run, str(data / "patient-01_slide-1.tif")


def test_objects_of_a_slide_are_those_of_the_whole_picture(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(growing, "REACH", 12)
    run, source = trained
    predictor, image = predictor_at(run, device="cpu"), io.read(source)
    whole = next(iter(predictor.answer([("a", image)])))
    monkeypatch.setattr(growing, "BLOCK", 7)
    monkeypatch.setattr(_parts, "BAND", 11)
    record, rows = answer_slide(predictor, "a", image, source=source, out=tmp_path, overlay=True)
    numbers, classes = (tifffile.imread(tmp_path / f"a{end}.tif", level=0) for end in ("_objects", ""))
    np.testing.assert_array_equal(numbers, whole.objects, "with the same numbers, in the same order")
    np.testing.assert_array_equal(classes, whole.answer)
    count = int(numbers.max())
    assert record["objects"] == {"tumour": count} and count > 3 and rows[0]["objects"] == count
    (tmp_path / "whole").mkdir()
    outlined(whole, tmp_path / "whole", "a")
    assert (tmp_path / "whole" / "a_objects.csv").read_text() == (tmp_path / "a_objects.csv").read_text()
    by_line = [sorted((folder / "a.geojson").read_text().replace("},\n", "}\n").splitlines()) for folder in (tmp_path, tmp_path / "whole")]
    assert by_line[0] == by_line[1], "the same outlines; a slide's come by their last row"


def test_each_object_is_one_feature_and_one_row_with_its_area_in_micrometres_and_its_place(trained, tmp_path):
    run, source = trained
    sagittal.predict(run, [source], out=tmp_path, device="cpu")
    numbers = tifffile.imread(tmp_path / "patient-01_slide-1_objects.tif", level=0)
    found = json.loads((tmp_path / "patient-01_slide-1.geojson").read_text())["features"]
    table = list(csv.DictReader((tmp_path / "patient-01_slide-1_objects.csv").open(encoding="utf-8")))
    assert [int(r["object"]) for r in table] == list(range(1, numbers.max() + 1))
    assert {int(f["properties"]["name"]) for f in found} == set(range(1, numbers.max() + 1)) and len(found) == len(table)
    for feature in found:
        mine = numbers == int(feature["properties"]["name"])
        polygon, row = shapely.geometry.shape(feature["geometry"]), table[int(feature["properties"]["name"]) - 1]
        y, x = np.argwhere(mine).mean(axis=0) + 0.5
        assert polygon.is_valid and polygon.area == mine.sum() == int(row["samples"])
        assert (float(row["x"]), float(row["y"])) == pytest.approx((x, y), abs=0.01)
        assert float(row["area_um2"]) == mine.sum() == pytest.approx(float(row["area_mm2"]) * 1e6)
        assert row["class"] == feature["properties"]["classification"]["name"] == "tumour"
    tiles = next(csv.reader((tmp_path / "patient-01_slide-1_tiles.csv").open(encoding="utf-8")))
    assert tiles[4:] == ["p:background", "p:tumour", "p:border"]
    labels = Labels(classes=("background", "tumour"), background="background")
    said = io.read_annotation(tmp_path / "patient-01_slide-1.svg", labels, like=io.read(source).geometry)
    assert len(said.outlines) == len(table)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_prediction_of_objects_goes_on(trained, tmp_path):
    run, source = trained
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sagittal.cli", "predict", str(run), source, "-o", str(out), "--no-overlay", "--device", "cpu"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state, rows, end = out / ".patient-01_slide-1.part" / "state.json", 0, time.monotonic() + 120
    while not rows and process.poll() is None and time.monotonic() < end:
        rows = json.loads(state.read_text())["rows"] if state.exists() else 0
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sagittal.predict(run, [source], out=out, overlay=False, device="cpu")
    sagittal.predict(run, [source], out=tmp_path / "whole", overlay=False, device="cpu")
    names = sorted(p.name for p in (tmp_path / "whole").iterdir())
    assert len(names) >= 9 and sorted(p.name for p in out.iterdir()) == names
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
