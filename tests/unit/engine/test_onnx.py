"""The exported network gives our own answers, or is not there."""

from __future__ import annotations

import importlib.util
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sagittal.data.images import image_of
from sagittal.engine.calibrate import Calibration
from sagittal.engine.learn import predictor_of
from sagittal.engine.onnx import corrected
from sagittal.engine.package import write_package
from sagittal.errors import NumericFailure, StorageFailure, UsageError
from sagittal.verbs.export import export

made = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_packages.py"))))

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Mirrored views, three classes, probabilities that are calibrated."""
    run = made.picture_run(tmp_path_factory.mktemp("pictures"), "evaluate.flips=[1]")
    record = run.read("calibration.json")
    slopes = {"kind": "temperature", "slope": [0.6] * 3, "shift": [0.0] * 3, "n": 30}
    run.write("calibration.json", {**record, "calibration": {**record["calibration"], **slopes}})
    return run


def test_the_exported_network_gives_our_calibrated_probabilities(run, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    outcome = export(run.path, out=tmp_path / "a.onnx")
    assert outcome.facts["real"] and outcome.facts["samples"] > 10 and outcome.facts["max_difference"] < 1e-5
    assert f"{outcome.facts['max_difference']:.2e}" in " ".join(outcome.lines())
    predictor, manifest = predictor_of(run, device=torch.device("cpu")), run.manifest()
    items = [(c.id, image_of(c, manifest)) for c in manifest.split("test")]
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    batch = np.stack([next(predictor.windows(image))[1] for _, image in items])
    ours = np.stack([p.scores for p in predictor.answer(items)])
    assert np.abs(session.run(None, {"prepared": batch})[0] - ours).max() < 1e-5
    raw = np.stack([p.scores for p in predictor.calibrated(None, None).answer(items)])
    assert np.abs(raw - ours).max() > 1e-3  # the calibration of this run is not nothing


def test_the_file_says_how_it_is_fed_and_nothing_of_this_machine(run, tmp_path):
    onnx = pytest.importorskip("onnx")
    export(run.path, out=tmp_path / "a.onnx")
    said = {p.key: json.loads(p.value) for p in onnx.load(tmp_path / "a.onnx").metadata_props if p.key.startswith("sagittal.")}
    plan = run.plan()
    assert said["sagittal.labels"]["classes"] == list(plan.labels.classes)
    assert said["sagittal.preparation"] == json.loads(json.dumps(plan.preparation.record()))
    assert said["sagittal.calibrated"] and said["sagittal.calibration"]["slope"] == [0.6] * 3
    assert "Not a medical device" in said["sagittal.notice"]
    data = (tmp_path / "a.onnx").read_bytes()
    assert b"site-packages" not in data and str(Path.home()).encode() + b"/" not in data and b"_network.py" not in data


def test_above_the_tolerance_nothing_is_written(run, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("sagittal.engine.onnx.corrected", lambda scores, calibration: scores)
    with pytest.raises(NumericFailure, match="differ") as caught:
        export(run.path, out=tmp_path / "a.onnx")
    assert caught.value.exit_code == 7 and not list(tmp_path.iterdir())


def test_a_package_is_exported_too_and_compared_on_random_samples(run, tmp_path):
    pytest.importorskip("onnxruntime")
    package = write_package(run, tmp_path / "a.sagittal")
    outcome = export(package, out=tmp_path / "a.onnx")
    assert not outcome.facts["real"] and outcome.facts["samples"] and outcome.facts["max_difference"] < 1e-5


@pytest.mark.parametrize("kind", ["temperature", "platt", "identity"])
def test_calibration_inside_the_graph_is_the_calibration(kind):
    slope = {"temperature": (0.3, 0.3, 0.3), "platt": (0.2, 1.0, 4.0), "identity": (1.0, 1.0, 1.0)}[kind]
    shift = (0.5, 0.0, -1.0) if kind == "platt" else (0.0, 0.0, 0.0)
    calibration = Calibration(kind=kind, classes=("a", "b", "c"), slope=slope, shift=shift)
    logits = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)) * 12
    scores = torch.sigmoid(logits) if kind == "platt" else torch.softmax(logits, dim=1)
    assert np.abs(corrected(scores, calibration).numpy() - calibration.apply(scores.numpy())).max() < 1e-6


def test_without_the_libraries_the_remedy_installs_them(run, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnxscript" else found(name, *rest))
    with pytest.raises(UsageError, match=r"onnxscript.*pip install 'sagittal\[export\]'"):
        export(run.path, out=tmp_path / "a.onnx")


@pytest.mark.parametrize(("name", "tolerance"), [("a.pt", 1e-4), ("a.onnx", 0.0), ("a.onnx", float("nan"))])
def test_wishes_that_make_no_sense_are_refused(run, tmp_path, name, tolerance):
    with pytest.raises(UsageError):
        export(run.path, out=tmp_path / name, tolerance=tolerance)


def test_a_place_that_cannot_be_written_is_refused_before_the_network_is_asked(run, tmp_path, monkeypatch):
    monkeypatch.setattr("sagittal.engine.onnx.write_onnx", lambda *_, **__: pytest.fail("the network was exported"))
    with pytest.raises(StorageFailure, match="NO_FOLDER"):
        export(run.path, out=tmp_path / "missing" / "a.onnx")
