"""Slides are scored band by band while they are answered, with the scores that they have as a whole, and in little memory."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile

import sagittal
from sagittal import io
from sagittal.engine import rows
from sagittal.engine.postprocess import Postprocessing, Step
from sagittal.engine.streaming import Thinned, stream
from sagittal.io.writers._pyramid import write_pyramid
from sagittal.verbs._open import predictor_at, run_at


@pytest.fixture(scope="module")
def trained(slides_run):
    """A run on a few tiny slides, and their folder."""
    return slides_run(**{"evaluate.metrics": {"nsd": {"tolerance": 20}}})


def plain(scores):
    return [{k: pytest.approx(v, rel=1e-9) if isinstance(v, float) else v for k, v in s.items()} for s in scores]


def shortened(cell):
    try:
        return f"{float(cell):.9g}"
    except ValueError:
        return cell


def test_a_slide_in_bands_has_the_scores_of_a_slide_in_memory(trained, tmp_path, monkeypatch):
    run, data = trained
    made = sagittal.evaluate(run, data=data, out=tmp_path / "bands")
    maps = sorted((tmp_path / "bands" / "labels").iterdir())
    assert [m.name for m in maps] == [f"patient-0{n}_slide-1.tif" for n in range(1, 6)]
    monkeypatch.setattr(rows, "may_stream", lambda predictor: False)
    whole = sagittal.evaluate(run, data=data, out=tmp_path / "whole")
    found, wanted = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("bands", "whole"))
    assert len(found["scores"]) >= 10 and any(s["metric"] == "voxel_auc" for s in found["scores"])
    assert found["scores"] == plain(wanted["scores"])
    assert [b["scores"] for b in found["baselines"]] == [plain(b["scores"]) for b in wanted["baselines"]]
    assert [b["scores"] for b in found["levels"]] == [plain(b["scores"]) for b in wanted["levels"]]
    tables = [list(csv.reader((tmp_path / name / "predictions.csv").open())) for name in ("bands", "whole")]
    assert [[shortened(cell) for cell in row] for row in tables[0]] == [[shortened(cell) for cell in row] for row in tables[1]]
    for one in maps:
        stored = tifffile.imread(one, level=0)
        assert np.array_equal(stored, io.read(tmp_path / "whole" / "labels" / f"{one.stem}.png").read()[0])
    assert made.facts["n"] == whole.facts["n"] == 5


def test_slides_too_large_to_be_tidied_are_scored_as_they_are_answered_and_named(trained, monkeypatch):
    run, _ = trained
    steps = (Step(name="largest_component", label="tumour"),)
    predictor = replace(predictor_at(run, device="cpu"), postprocessing=Postprocessing(background="background", steps=steps))
    manifest = run_at(run).manifest()
    cases = manifest.cases[:1]
    (tidy,) = rows.answered(predictor, manifest, cases)
    monkeypatch.setattr("sagittal.engine.streaming.MOST_TIDIED", 1000)
    (plain_row,) = rows.answered(predictor, manifest, cases)
    (untidy,) = rows.answered(replace(predictor, postprocessing=None), manifest, cases)
    assert (tidy.tidied, plain_row.tidied, untidy.tidied) == (True, False, True)
    assert plain_row.measured == untidy.measured != tidy.measured


def test_an_explanation_thins_a_slide_and_shows_what_the_whole_answer_shows(trained, tmp_path, monkeypatch):
    run, data = trained
    predictor, image = predictor_at(run, device="cpu"), io.read(data / "patient-01_slide-1.tif")
    whole = next(iter(predictor.answer([("a", image)]))).answer
    for most in (100, 600, 2000):
        thinned = Thinned(most=most)
        stream(predictor, "a", image, thinned)
        step = -(-640 // most)
        assert np.array_equal(thinned.answer, whole[::step, ::step])
    monkeypatch.setattr("sagittal.verbs._explained.SLIDE_PX", 320)
    few = sagittal.explain(run, cases=["patient-01_slide-1"], out=tmp_path / "few", device="cpu").path
    monkeypatch.setattr("sagittal.engine.streaming.may_stream", lambda predictor: False)
    every = sagittal.explain(run, cases=["patient-01_slide-1"], out=tmp_path / "every", device="cpu").path
    pictures = [io.read(folder / "patient-01_slide-1_answer.png").read().astype(int) for folder in (few, every)]
    assert pictures[0].shape == pictures[1].shape
    assert (np.abs(pictures[0] - pictures[1]).max(axis=0) > 8).mean() < 0.02


def test_rows_are_finished_a_few_at_a_time_however_many_windows_close(trained, monkeypatch):
    run, data = trained
    predictor, image = predictor_at(run, device="cpu"), io.read(data / "patient-01_slide-1.tif")

    class Counting(Thinned):
        def rows(self, start, answer, scores):
            places.append((start, len(answer), scores.shape[1]))
            super().rows(start, answer, scores)

    found = []
    for most in (256, 20):
        monkeypatch.setattr("sagittal.engine.streaming.BAND", most)
        places, sink = [], Counting(most=2000)
        stream(predictor, "a", image, sink)
        assert max(n for _, n, _ in places) <= most and all(n == m for _, n, m in places)
        assert [a + n for a, n, _ in places] == [*(a for a, _, _ in places[1:]), 512]
        found.append(sink.answer)
    assert np.array_equal(*found)


MEASURE = """
import sys, threading, time
import psutil
import sagittal
run, small, large, out = sys.argv[1:]
sagittal.evaluate(run, data=small, out=out + "/small", device="cpu")
process, on = psutil.Process(), True
base, peak = process.memory_info().rss, 0
def watch():
    global peak
    while on:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.005)
thread = threading.Thread(target=watch)
thread.start()
sagittal.evaluate(run, data=large, out=out + "/large", device="cpu")
on = False
thread.join()
print(peak - base)
"""


def test_memory_does_not_grow_with_the_slide(trained, tmp_path):
    run, data = trained
    side, large = 6144, tmp_path / "large"
    large.mkdir()
    glass = np.full((256, side, 3), 244, np.uint8)
    glass[:, 256:768] = (190, 90, 150)
    write_pyramid(large / "patient-01_slide-1.tif", lambda a, b: glass[: b - a], (side, side, 3), mpp=1.0, levels=5)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"><circle cx="900" cy="900" r="300" class="tumour"/></svg>'
    )
    (large / "patient-01_slide-1.svg").write_text(drawing)
    (tmp_path / "small").mkdir()
    for name in ("patient-02_slide-1.tif", "patient-02_slide-1.svg"):
        (tmp_path / "small" / name).write_bytes((data / name).read_bytes())
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, str(run), str(tmp_path / "small"), str(large), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    # One label map of it takes 38 MB as bytes, and its numbered outlines 151 MB.
    assert int(told.stdout.splitlines()[-1]) < 4 * side * side
