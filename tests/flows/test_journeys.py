"""Eight data sets, one road: audit, train, evaluate, explain, report, predict."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sagittal
from sagittal import io
from sagittal.phantoms.brain import brain
from sagittal.phantoms.multilabel import multilabel
from sagittal.phantoms.retina import retina
from sagittal.phantoms.table import table
from sagittal.phantoms.tiles import tiles
from sagittal.shelf import Shelf

SMALL_NET = ["model.widths=[8,16,32]", "model.blocks=1", "model.stem_stride=2"]
CLASSES = "data.classes=[background,CSF,GM,WM]"


@pytest.fixture(scope="module")
def tissue(tmp_path_factory) -> Path:
    """The one folder of tiles and outlines that three tasks are asked of."""
    return tiles(tmp_path_factory.mktemp("data") / "tissue", patients=20, each=4, size=(128, 128))


def test_pictures_from_class_folders(journey, tmp_path):
    data = retina(tmp_path / "oct", patients=48, scans=4, size=(124, 128), flawed=False)
    made = journey(data, ["prepare.size=64", "train.epochs=25", *SMALL_NET], [data / "test"])
    assert made.plan["task"] == "classification"
    assert made.audit.audit.groups["known"]
    auc, accuracy = made.score("auc"), made.score("accuracy")
    assert auc["value"] > made.baseline("auc") + 0.3
    assert auc["low"] > made.baseline("auc"), "also where eight patients are told apart completely, which makes the interval wide"
    assert accuracy["low"] > made.baseline("accuracy")
    assert made.result["patient_scores"], "patients are known, so there are scores a patient"
    kinds = {item["kind"] for item in made.explained}
    assert {"right", "near_threshold"} <= kinds
    assert all((made.run / "explanation/test" / item["overlay"]).is_file() for item in made.explained)
    right = sum(p["predicted"] == p["case"].split("/")[0] for p in made.predictions)
    assert right / len(made.predictions) == pytest.approx(accuracy["value"]), "predict and evaluate are one path"


def test_a_table_with_classes_through_the_command_line(tmp_path):
    data = table(tmp_path / "rows", patients=120)

    def go(*words: object) -> dict:
        line = [sys.executable, "-m", "sagittal.cli", *map(str, words), "--json"]
        done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run = tmp_path / "run"
    assert "label = diagnosis" in go("audit", data, "-o", tmp_path / "audit")["sentence"]
    assert go("train", data, "-o", run, "--set", "train.epochs=3")["path"] == str(run)
    scores = {(s["metric"], s["class"]): s for s in go("evaluate", run)["scores"]}
    assert scores["auc", "ill"]["low"] > 0.7
    assert go("explain", run)["items"] > 0
    columns = json.loads((run / "explanation/test/index.json").read_text())["items"][0]["columns"]
    assert {"marker_1", "age"} <= set(columns)
    assert not {"patient", "diagnosis"} & set(columns), "whose it is and what is asked are no features"
    go("report", run)
    assert "Not a medical device" in (run / "report.html").read_text(encoding="utf-8")
    answers = go("predict", run, data / "table.csv", "-o", tmp_path / "answers")
    assert answers["n"] == 360
    assert all(sum(p["p"].values()) == pytest.approx(1, abs=1e-4) for p in answers["predictions"])


def test_a_table_with_values(journey, tmp_path):
    data = table(tmp_path / "rows", patients=120, target="value")
    made = journey(data, ["train.epochs=4"], [data / "table.csv"])
    assert made.plan["task"] == "regression"
    mae, r2 = made.score("mae"), made.score("r2")
    assert mae["high"] < made.baseline("mae")
    assert r2["low"] > 0.4
    units = made.plan["units"]
    truth = [float(line.rsplit(",", 1)[1]) for line in (data / "table.csv").read_text().splitlines()[1:]]
    assert units["mean"][0] == pytest.approx(np.mean(truth), rel=0.15), "the network answers in the target's own scale"
    assert {item["kind"] for item in made.explained} == {"worst", "median", "best"}
    assert all("columns" in item for item in made.explained)


@pytest.mark.slow
def test_volumes_in_thick_slices_stored_any_way_round(journey, tmp_path):
    data = brain(tmp_path / "heads", patients=14, spacing=6.0)
    sets = [CLASSES, "model.widths=[8,16,32]", "train.epochs=16", "train.batch=4", "windows.per_case=2", "train.lr=0.005"]
    sources = [data / "image_01.nii.gz", data / "image_02.nii.gz"]
    made = journey(data, sets, sources)
    assert made.plan["task"] == "segmentation"
    assert made.plan["preparation"]["upright"]
    dice = made.score("dice")
    assert dice["low"] > 0.5
    assert dice["low"] > made.baseline("dice")
    assert made.score("assd")["unit"] == "mm"
    for source in sources:
        given, answer = io.read(source), io.read(made.answers / source.name)
        assert answer.geometry.same_grid(given.geometry), "the answer lies on the source's own grid"
    case = next(c for c in (made.run / "evaluation/test/labels").iterdir())
    truth = io.read(data / case.name.replace("image", "label"))
    kept = io.read(case)
    assert kept.geometry.same_grid(truth.geometry)
    assert (kept.read() == truth.read()).mean() > 0.7
    assert {item["kind"] for item in made.explained} >= {"worst"}


def test_tiles_with_outlines_as_masks(journey, tissue):
    sets = ["task=segmentation", "model.widths=[8,16,32]", "train.epochs=10", "train.batch=8", "labels.positive=tumour"]
    made = journey(tissue, sets, [tissue / "patient-01_tile-1.png"])
    dice = made.score("dice", "tumour")
    assert dice["low"] > 0.6
    assert made.score("assd", "tumour")["unit"] == "px", "pixels are not called millimetres"
    assert io.read(made.answers / "patient-01_tile-1.png").geometry.shape == (128, 128)
    assert len(list((made.run / "evaluation/test/labels").glob("*.png"))) == made.result["n"]
    assert {item["kind"] for item in made.explained} == {"worst", "median", "best"}


def test_tiles_with_outlines_as_classes_of_windows(journey, tissue):
    windows = ["windows.name=tiles", "windows.size=32", "windows.unit=window"]
    made = journey(
        tissue, ["task=classification", *windows, "train.epochs=4", *SMALL_NET[:2], "explain.cases=2"], [tissue / "patient-01_tile-1.png"]
    )
    auc = made.score("auc", "tumour")
    assert auc["low"] > 0.7
    assert made.result["unit"] == "window"
    assert auc["n"] == made.result["n"] == 16 * len({p["case"].split("@")[0] for p in _rows(made)})
    assert "group" in auc["method"] or "cluster" in auc["method"] or "bootstrap" in auc["method"], (
        "windows of a patient are no new patients"
    )
    assert made.baseline("accuracy") < made.score("accuracy")["value"]
    assert len(made.predictions) == 16
    assert made.plan["feeding"]["balance"], "fixed windows have a class before they are drawn"


@pytest.mark.slow
def test_pictures_with_several_findings(journey, tmp_path):
    data = multilabel(tmp_path / "chests", patients=80, size=(64, 64))
    made = journey(data, ["train.epochs=20", *SMALL_NET], [data / "images"])
    assert made.plan["task"] == "multilabel"
    assert made.score("auc")["low"] > 0.6
    assert "ALL_ALIKE" in {f["code"] for f in made.read("audit.json")["findings"]}
    assert all(set(p["p"]) == set(made.plan["labels"]["classes"]) for p in made.predictions)


def test_tiles_with_outlines_as_boxes(journey, tissue):
    net = ["prepare.spacing=2", "model.widths=[16,32,64,64]", "train.epochs=22", "train.batch=4", "train.lr=0.004"]
    made = journey(tissue, ["task=detection", "labels.positive=tumour", *net], [tissue / "patient-01_tile-1.png"])
    found = made.score("detection_ap", "tumour")
    assert found["value"] > 0.5
    assert found["low"] is None or found["low"] > made.baseline("detection_ap", "tumour") + 0.2
    kept = sorted((made.run / "evaluation/test/labels").glob("*.json"))
    assert len(kept) == made.result["n"]
    box = next(b for path in kept for b in json.loads(path.read_text())["boxes"])
    assert box["class"] == "tumour"
    assert all(0 <= v <= 140 for v in box["high"]), "boxes are in the picture's own pixels, not in those of the prepared grid"
    assert (made.answers / "patient-01_tile-1_overlay.png").is_file()


def test_no_task_is_named_in_the_engine():
    root = Path(sagittal.__file__).parent
    names = set(Shelf("sagittal.tasks", kind="task").names())
    files = [*(root / "engine").glob("*.py"), *(root / "data").glob("*.py"), *(root / "verbs").glob("*.py")]
    said = {f.name: names & set(_texts(ast.parse(f.read_text(encoding="utf-8")))) for f in files}
    assert {name: found for name, found in said.items() if found} == {}


def _texts(tree: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _rows(made) -> list[dict]:
    import csv

    with (made.run / "evaluation/test/predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
