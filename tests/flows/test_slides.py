"""Slides with a class each: a table says whose they are, what they are, and how large a pixel is."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from sagittal.errors import Refused
from sagittal.phantoms.slide import slide
from sagittal.verbs._open import predictor_at
from sagittal.verbs.predict import predict

QUICK = ["train.epochs=1", "windows.size=64", "windows.per_case=4", "prepare.spacing=1", "model.widths=[8,16]", "model.blocks=1"]


def test_slides_with_a_class_each_from_a_table(journey, tmp_path):
    data = slide(tmp_path / "slides", patients=10, size=(512, 512), mpp=None)
    for outlines in data.glob("*.svg"):
        outlines.unlink()
    rows = [(p.name, ("well", "ill")[i % 2], f"P{i}", (0.5, 0.25)[i // 5]) for i, p in enumerate(sorted(data.glob("*.tif")))]
    with (data / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "patient", "mpp"), *rows])
    made = journey(data, QUICK, [data / "labels.csv"])
    assert "patient = patient, micrometres = mpp; 10 cases, 2 classes" in made.audit.audit.sentence
    assert (made.plan["task"], made.plan["windows"]["name"]) == ("classification", "tissue")
    assert (made.plan["preparation"]["unit"], made.plan["preparation"]["spacing"]) == ("um", [1.0, 1.0])
    held_out = [r for r in csv.DictReader((made.run / "evaluation/test/predictions.csv").open()) if r["split"] == "test"]
    answers = {p["case"]: p["p"] for p in made.predictions}
    assert len(answers) == 10, "one answer a slide, its windows pooled"
    assert all(float(r["p:ill"]) == pytest.approx(answers[r["case"]]["ill"], abs=1e-3) for r in held_out), "each at its row's micrometres"
    assert held_out
    for said, (name, *_, mpp) in zip(made.predictions, rows, strict=True):
        tiles = list(csv.DictReader((made.answers / said["tiles"]).open(encoding="utf-8")))
        assert said["case"] == name.removesuffix(".tif") and len(tiles) > 1
        assert {float(t["width"]) for t in tiles} == {64 / mpp}, "in pixels of the slide"
        assert all(0 <= float(t[axis]) < 512 for t in tiles for axis in "xy")
        pooled = np.mean([[float(t["p:ill"]), float(t["p:well"])] for t in tiles], axis=0, keepdims=True)
        calibration = predictor_at(made.run).calibration
        answer = pooled if calibration is None else calibration.apply(pooled)
        assert answer[0] == pytest.approx([said["p"]["ill"], said["p"]["well"]], abs=1e-4), "the answer is made of them"
    with pytest.raises(Refused, match="NO_MPP"):
        predict(made.run, [data / rows[0][0]], out=tmp_path / "bare")
