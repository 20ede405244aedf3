"""Pictures whose objects are told apart, from numbered masks to answers as outlines and a table."""

from __future__ import annotations

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
from shapely.geometry import shape
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import sagittal
from sagittal import io
from sagittal.core import Geometry, Labels
from sagittal.core.prediction import Prediction
from sagittal.io.writers._features import features
from sagittal.io.writers.raster import encode_png
from sagittal.report.named import LINE_PX
from sagittal.verbs._outlined import areas
from sagittal.verbs._pictures import told_apart

SIZE = (64, 80)


def tile(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Dark touching squares on a light ground, and their numbers."""
    numbers, picture = np.zeros(SIZE, np.uint8), np.full((3, *SIZE), 220.0)
    for n in range(int(rng.integers(4, 9))):
        y, x = rng.integers(0, 44), rng.integers(0, 60)
        numbers[y : y + 18, x : x + 18] = n + 1
        picture[:, y : y + 18, x : x + 18] = np.array([120, 60, 140]).reshape(3, 1, 1)
    edge = np.zeros(SIZE, bool)
    edge[:, 1:] |= numbers[:, 1:] != numbers[:, :-1]
    edge[1:] |= numbers[1:] != numbers[:-1]
    picture[:, edge] = 255
    return (picture + rng.normal(0, 5, picture.shape)).clip(0, 255).astype(np.uint8), numbers


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("objects")
    rng = np.random.default_rng(0)
    for i in range(24):
        picture, numbers = tile(rng)
        name = f"patient-{i // 2:02d}_{i % 2}"
        (root / "data").mkdir(exist_ok=True)
        (root / "data" / f"{name}.png").write_bytes(encode_png(picture))
        (root / "data" / f"{name}_mask.png").write_bytes(encode_png(numbers[None]))
    sets = {"train.epochs": 14, "train.batch": 4, "train.lr": 0.005, "model.widths": [12, 24, 32], "train.workers": 0}
    sagittal.train(root / "data", out=root / "run", sets=sets)
    sagittal.evaluate(root / "run")
    return root


def test_objects_are_the_task_of_numbered_masks_and_are_scored_as_such(trained):
    plan = json.loads((trained / "run/plan.json").read_text())
    assert plan["task"] == "instances"
    scores = {s["metric"]: s["value"] for s in json.loads((trained / "run/evaluation/test/scores.json").read_text())["scores"]}
    assert {"dice", "iou", "object_f1", "object_dice", "object_hausdorff"} <= set(scores)
    assert scores["dice"] > 0.8 and scores["object_f1"] > 0.4
    made = sorted(p.name for p in (trained / "run/evaluation/test/labels").iterdir())
    assert len([n for n in made if n.endswith("_objects.png")]) == len(made) / 2


def test_the_events_of_a_training_show_kernels_feature_maps_scores_and_outlines(trained):
    events = EventAccumulator(str(trained / "run/tensorboard"), size_guidance={"images": 0}).Reload()
    assert set(events.Tags()["images"]) == {"train/images", "kernels/first", "val/features", "val/scores", "val/examples", "val/confusion"}
    shown = {tag: events.Images(tag) for tag in events.Tags()["images"]}
    assert {tag: len(each) for tag, each in shown.items() if tag != "train/images"} == dict.fromkeys(set(shown) - {"train/images"}, 14)
    maps = cv2.imdecode(np.frombuffer(shown["val/features"][-1].encoded_image_string, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert maps.shape == (3 * (SIZE[0] + 1) + 1, 4 * (SIZE[1] + 1) + 1), "the twelve maps of the first stage"
    tiles = [maps[1 + r * 65 : 65 + r * 65, 1 + c * 81 : 81 + c * 81] for r in range(3) for c in range(4)]
    assert sum(int(t.max()) - int(t.min()) > 200 for t in tiles) >= 6, "of which most see something"
    kernels = shown["kernels/first"][-1]
    assert kernels.width >= 200 and kernels.encoded_image_string != shown["kernels/first"][0].encoded_image_string


def test_an_answer_is_a_map_of_classes_and_of_objects_outlines_and_areas(trained, tmp_path):
    source = trained / "data" / "patient-00_0.png"
    out = sagittal.predict(trained / "run", [source], out=tmp_path).path
    classes, numbers = (io.read(out / f"patient-00_0{end}.png").read()[0] for end in ("", "_objects"))
    np.testing.assert_array_equal(classes > 0, numbers > 0)
    found = json.loads((out / "patient-00_0.geojson").read_text())["features"]
    count = len(np.unique(numbers[numbers > 0]))
    assert len(found) == count >= 2 and all(shape(f["geometry"]).is_valid for f in found)
    assert sum(shape(f["geometry"]).area for f in found) == (numbers > 0).sum()
    again = io.read_annotation(out / "patient-00_0.svg", Labels(classes=("background", "object"), background="background"))
    assert len(again.outlines) == count
    (row,) = csv.DictReader((out / "areas.csv").open(encoding="utf-8"))
    assert int(row["objects"]) == count and int(row["samples"]) == (numbers > 0).sum() and row["area_mm2"] == ""


def test_pictures_have_their_probabilities_as_a_table_as_a_map_and_where_asked_whole(trained, tmp_path):
    sources = [trained / "data" / f"patient-0{i}_0.png" for i in range(2)]
    out = sagittal.predict(trained / "run", sources, out=tmp_path / "out", probabilities=True).path
    kept = np.load(out / "patient-00_0_probabilities.npy")
    assert kept.shape == (3, *SIZE) and kept.sum(axis=0) == pytest.approx(np.ones(SIZE), abs=1e-4)
    first, _ = csv.DictReader((out / "predictions.csv").open(encoding="utf-8"))
    names = ("p:background", "p:object", "p:border")
    assert [float(first[n]) for n in names] == pytest.approx(kept.mean(axis=(1, 2)).tolist(), abs=1e-5)
    row, _ = csv.DictReader((out / "areas.csv").open(encoding="utf-8"))
    inside = io.read(out / "patient-00_0.png").read()[0] > 0
    assert float(row["mean_probability"]) == pytest.approx(np.minimum(kept[1] + kept[2], 1)[inside].mean(), abs=1e-5)
    drawn = io.read(out / "patient-00_0_heat.png").read()
    assert drawn.shape[1] > SIZE[0], "with a bar of colours below"
    (record, _) = json.loads((out / "predictions.json").read_text())["predictions"]
    assert record["heat_of"] == ["object"] and record["p"]["object"] == pytest.approx(kept[1].mean(), abs=1e-5)
    plain = sagittal.predict(trained / "run", sources[:1], out=tmp_path / "plain", overlay=False).path
    assert not list(plain.glob("*_heat.png")) and not list(plain.glob("*_probabilities*"))
    assert next(csv.DictReader((plain / "areas.csv").open(encoding="utf-8"))) == row


def test_windows_that_are_answered_by_themselves_have_the_files_of_pictures(trained, tmp_path):
    shutil.copytree(trained / "run", tmp_path / "run")
    plan = json.loads((tmp_path / "run/plan.json").read_text())
    (tmp_path / "run/plan.json").write_text(json.dumps({**plan, "unit": "window"}))
    sources = [trained / "data" / f"patient-0{i}_0.png" for i in range(2)]
    out = sagittal.predict(tmp_path / "run", sources, out=tmp_path / "out").path
    rows = list(csv.DictReader((out / "predictions.csv").open(encoding="utf-8")))
    assert {r["case"].partition("@")[0] for r in rows} == {"patient-00_0", "patient-01_0"}
    areas = {r["case"]: r for r in csv.DictReader((out / "areas.csv").open(encoding="utf-8"))}
    for row in rows:
        mask, below = (io.read(out / row["answer"].replace(".png", end)) for end in (".png", "_overlay.png"))
        assert int(areas[row["case"]]["samples"]) == (mask.read() > 0).sum() > 0
        rows_drawn, columns = mask.geometry.shape
        assert below.geometry.shape == (rows_drawn + LINE_PX, columns), "as large as its part of the picture, the class named below"
        assert np.ptp(below.read()[:, :rows_drawn]) > 200, "drawn on its part of the picture"


def test_areas_are_in_micrometres_where_the_picture_tells():
    grid = Geometry(shape=(4, 4), affine=np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 1]]), unit="um", frame="slide")
    labels = Labels(classes=("tissue", "tumour"), background="tissue")
    answer = np.zeros((4, 4), np.int16)
    answer[1:3, 1:4] = 1
    prediction = Prediction(case="a", geometry=grid, labels=labels, scores=np.zeros((0, 4, 4), np.float32), answer=answer)
    (row,) = areas(prediction, list(features(answer, labels)))
    assert (row["objects"], row["samples"], row["area_um2"], row["area_mm2"], row["share"]) == (1, 6, 1.5, 1.5e-6, 0.375)


def test_objects_that_touch_are_shown_apart():
    labels = Labels(classes=("tissue", "tumour"), background="tissue")
    objects = np.array([[1, 1, 2, 2, 0]], np.int32)
    said = Prediction(
        case="a",
        geometry=Geometry.picture((1, 5)),
        labels=labels,
        scores=np.zeros((0, 1, 5), np.float32),
        answer=(objects > 0).astype(np.int16),
        objects=objects,
    )
    assert told_apart(said).tolist() == [[1, 0, 1, 1, 0]] and said.answer.tolist() == [[1, 1, 1, 1, 0]]
