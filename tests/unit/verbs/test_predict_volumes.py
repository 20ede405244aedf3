"""Answers to volumes: label maps in the data's own numbers on the source's grid, their sizes, and what a failure leaves."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from dataclasses import replace

import nibabel
import numpy as np
import pytest

from sagittal import io
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.errors import LimitExceeded, NumericFailure, Refused, UnreadableInput, UsageError
from sagittal.phantoms.brain import brain
from sagittal.verbs._open import predictor_at
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.explain import explain
from sagittal.verbs.predict import predict
from sagittal.verbs.show import show
from sagittal.verbs.train import train

TINY = (
    "model.name=unet",
    "model.widths=[4,8]",
    "model.members=2",
    "windows.name=patches",
    "windows.size=16",
    "windows.per_case=1",
    "augment={}",
    "train.epochs=1",
    "train.batch=2",
)


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """T1 and T2 of five phantom heads of about 25 x 28 x 15 voxels."""
    return brain(tmp_path_factory.mktemp("data") / "heads", patients=5, spacing=7.0, modalities=["T1", "T2"])


@pytest.fixture(scope="module")
def run(heads, tmp_path_factory):
    """Two members that have learned nothing."""
    return train(heads, out=tmp_path_factory.mktemp("runs") / "heads", sets=TINY).path


def case(heads, number):
    return [f"{name}={heads / f'head_0{number}_{name}.nii.gz'}" for name in ("T1", "T2")]


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_modalities_of_one_case_are_named_in_any_order(run, heads, tmp_path):
    made = predict(run, case(heads, 1)[::-1], out=tmp_path / "out")
    (record,) = made.facts["predictions"]
    image, answer = io.read(heads / "head_01_T1.nii.gz"), io.read(made.path / record["answer"])
    assert answer.geometry.same_grid(image.geometry)
    legend = json.loads((made.path / record["legend"]).read_text(encoding="utf-8"))
    assert [c["code"] for c in legend["classes"]] == [0, 1, 2, 3]
    assert set(np.unique(answer.read())) <= {c["code"] for c in legend["classes"]}
    assert "windows" in legend["model"]
    assert (made.path / record["overlay"]).read_bytes()[:4] == b"\x89PNG"
    assert not [p for p in made.path.iterdir() if p.name.startswith(".")]


def test_volumes_are_in_ml_with_the_range_of_the_members(run, heads, tmp_path):
    made = predict(run, case(heads, 1), out=tmp_path / "out", overlay=False)
    found = rows(made.path / "volumes.csv")
    answer = io.read(made.path / made.facts["predictions"][0]["answer"])
    ml = abs(np.linalg.det(answer.geometry.affine[:3, :3])) / 1000
    legend = json.loads((made.path / made.facts["predictions"][0]["legend"]).read_text(encoding="utf-8"))
    codes = {c["name"]: c["code"] for c in legend["classes"]}
    assert [r["class"] for r in found] == [c for c in codes if c != legend["background"]]
    for row in found:
        n = int((answer.read() == codes[row["class"]]).sum())
        assert int(row["samples"]) == n
        assert float(row["volume_ml"]) == pytest.approx(n * ml, abs=1e-3)
        assert float(row["low_ml"]) <= float(row["high_ml"])
        assert row["members"] == "2"


def test_a_folder_of_cases_is_read_by_its_layout_and_a_manifest_as_well(run, heads, tmp_path):
    folder = predict(run, [heads], out=tmp_path / "folder", overlay=False)
    assert folder.facts["n"] == 5
    manifest = predict(run, [run / "manifest.csv"], out=tmp_path / "manifest", overlay=False)
    assert sorted(r["case"] for r in manifest.facts["predictions"]) == sorted(r["case"] for r in folder.facts["predictions"])
    one, other = (sorted((r["case"], r["class"], r["volume_ml"]) for r in rows(made.path / "volumes.csv")) for made in (folder, manifest))
    assert one == other


def test_probabilities_are_kept_on_request_and_agree_with_the_labels(run, heads, tmp_path):
    made = predict(run, case(heads, 2), out=tmp_path / "out", overlay=False, probabilities=True)
    (record,) = made.facts["predictions"]
    kept = io.read(made.path / record["probabilities"])
    answer = io.read(made.path / record["answer"])
    assert kept.geometry.same_grid(answer.geometry)
    values = kept.read()
    assert values.dtype == np.float32
    inside = values.sum(axis=0) > 0.5
    assert inside.any()
    assert np.allclose(values.sum(axis=0)[inside], 1, atol=1e-4)
    assert np.array_equal(values.argmax(axis=0), answer.read()[0])
    assert not [p for p in made.path.iterdir() if p.name.startswith(".")]


def test_a_study_that_fails_is_marked_and_the_rest_goes_on(run, heads, tmp_path):
    some = tmp_path / "some"
    shutil.copytree(heads, some)
    broken = some / "head_02_T2.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-200])
    made = predict(run, [some], out=tmp_path / "out", overlay=False)
    assert (made.facts["n"], len(made.facts["failed"]), made.record()["exit"]) == (4, 1, 11)
    (lost,) = rows(made.path / "failed.csv")
    assert ("head_02" in lost["source"], lost["code"]) == (True, "TRUNCATED")
    assert not list(made.path.glob("*head_02*"))


def test_cases_that_nobody_drew_on_are_answered_and_those_that_lack_a_modality_are_told(run, heads, tmp_path):
    some = tmp_path / "some"
    shutil.copytree(heads, some)
    for part, n in itertools.product(("T1", "T2", "label"), (6, 7, 8)):
        shutil.copy(heads / f"head_01_{part}.nii.gz", some / f"head_0{n}_{part}.nii.gz")
    (some / "head_02_label.nii.gz").unlink()
    (some / "head_04_T2.nii.gz").unlink()
    made = predict(run, [some], out=tmp_path / "out", overlay=False)
    assert sorted(p["case"] for p in made.facts["predictions"]) == [f"head_0{n}" for n in (1, 2, 3, 5, 6, 7, 8)]
    assert (made.record()["exit"], rows(made.path / "failed.csv")[0]["code"]) == (11, "MODALITY_MISSING")
    assert rows(made.path / "failed.csv")[0]["source"].endswith("head_04")


def test_the_table_of_answers_says_where_each_comes_from(run, heads, tmp_path):
    made = predict(run, [heads], out=tmp_path / "out", overlay=False)
    found = {r["case"]: r["source"] for r in rows(made.path / "predictions.csv")}
    assert found["head_03"] == str(heads / "head_03_T1.nii.gz")


def test_the_only_study_that_fails_ends_it(run, heads, tmp_path):
    broken = tmp_path / "t1.nii.gz"
    broken.write_bytes((heads / "head_02_T1.nii.gz").read_bytes()[:-200])
    with pytest.raises(UnreadableInput, match="TRUNCATED"):
        predict(run, [f"t1={broken}", f"t2={heads / 'head_02_T2.nii.gz'}"], out=tmp_path / "out")


def test_samples_that_are_no_number_are_told_of_the_source_and_not_of_the_network(run, heads, tmp_path):
    some = tmp_path / "some"
    shutil.copytree(heads, some)
    broken = some / "head_02_T2.nii.gz"
    image = io.read(broken)
    values = image.read().astype(np.float32)
    values[0, 3, 4, 5:7] = np.nan, np.inf
    io.write(Image.of(values, image.geometry), broken)
    with pytest.raises(UnreadableInput, match="NOT_FINITE head_02_T1: 2 samples are no number or infinite"):
        predict(run, case(some, 2), out=tmp_path / "out", overlay=False)
    made = predict(run, [some], out=tmp_path / "all", overlay=False)
    assert (made.facts["n"], made.record()["exit"]) == (4, 11)
    (lost,) = rows(made.path / "failed.csv")
    assert ("head_02" in lost["source"], lost["code"]) == (True, "NOT_FINITE")
    with pytest.raises(UnreadableInput, match=r"NOT_FINITE .*--allow-unreadable"):
        evaluate(run, data=some, out=tmp_path / "strict")
    skipped = evaluate(run, data=some, out=tmp_path / "scores", allow_unreadable=True)
    assert (skipped.facts["n"], len(skipped.failed)) == (4, 1), "the advice holds"


def test_a_file_with_as_many_volumes_as_the_model_has_channels_is_answered(run, heads, tmp_path):
    parts = [nibabel.load(heads / f"head_01_{name}.nii.gz") for name in ("T1", "T2")]
    several = tmp_path / "several"
    several.mkdir()
    for n, name in ((2, "one"), (2, "two"), (3, "odd")):
        values = np.stack([np.asarray((parts * 2)[i].dataobj) for i in range(n)], axis=-1)
        nibabel.save(nibabel.Nifti1Image(values, parts[0].affine), several / f"{name}.nii.gz")
    apart = predict(run, [f"t{i + 1}={several / 'one.nii.gz'}::{i}" for i in range(2)], out=tmp_path / "apart", overlay=False)
    made = predict(run, [several], out=tmp_path / "out", overlay=False)
    assert [p["case"] for p in made.facts["predictions"]] == ["one", "two"]
    assert rows(made.path / "failed.csv")[0]["code"] == "SEVERAL_VOLUMES"
    answers = [io.read(folder / "one.nii.gz").read() for folder in (apart.path, made.path)]
    assert np.array_equal(*answers)


def test_nan_in_one_study_does_not_end_the_others(run, heads, tmp_path, monkeypatch):
    monkeypatch.setattr("sagittal.engine.waiting.Waiting.take", spoil_first())
    with pytest.raises(NumericFailure):
        predict(run, case(heads, 1), out=tmp_path / "strict", overlay=False)
    monkeypatch.setattr("sagittal.engine.waiting.Waiting.take", spoil_first())
    made = predict(run, [heads], out=tmp_path / "out", overlay=False)
    assert (made.facts["n"], len(made.facts["failed"])) == (4, 1)


def test_what_cannot_be_asked_is_refused_in_one_line(run, heads, tmp_path):
    first = heads / "head_01_T1.nii.gz"
    with pytest.raises(UsageError, match=r"MODALITY T3.*t1, t2"):
        predict(run, [f"T3={first}"], out=tmp_path / "a")
    with pytest.raises(UsageError, match="t2 is missing"):
        predict(run, [f"T1={first}"], out=tmp_path / "b")
    with pytest.raises(UnreadableInput, match="NOT_FOUND"):
        predict(run, [f"T1={first}", "T2=nowhere.nii.gz"], out=tmp_path / "c")
    with pytest.raises(Refused, match="t1=FILE t2=FILE"):
        predict(run, [first], out=tmp_path / "d")


def test_too_little_memory_for_a_window_ends_with_10(run, heads, tmp_path):
    with pytest.raises(LimitExceeded, match=r"MAX_RAM.*needs about.*GiB") as refused:
        predict(run, [heads], out=tmp_path / "out", overlay=False, allow_unreadable=True, max_ram=1e-5)
    assert refused.value.exit_code == 10
    with pytest.raises(UsageError, match="OUT_OF_RANGE --max-ram"):
        predict(run, [heads], out=tmp_path / "out", max_ram=0)


def test_how_a_case_is_answered_is_said_once_however_often_the_model_is_asked(run, heads, monkeypatch, capsys):
    monkeypatch.setattr("sagittal.engine.budget.WORTH_SAYING", 0)
    predictor = predictor_at(run)
    grid = predictor.plan.preparation.grid(io.read(heads / "head_01_T1.nii.gz").geometry)
    for asked in (predictor, predictor, replace(predictor, postprocessing=None)):
        asked.budget.choose(grid)
    assert capsys.readouterr().err.count("answering in") == 1


def test_evaluation_and_prediction_answer_alike(run, tmp_path):
    scored = evaluate(run)
    record = json.loads((scored.path / "scores.json").read_text(encoding="utf-8"))
    assert record["max_ram"] == 4.0
    told = predict(run, [run / "manifest.csv"], out=tmp_path / "out", overlay=False)
    for path in (scored.path / "labels").glob("*.nii.gz"):
        assert np.array_equal(io.read(path).read(), io.read(told.path / path.name).read())
    lowered = evaluate(run, out=tmp_path / "lowered", max_ram=0.01)
    assert json.loads((lowered.path / "scores.json").read_text(encoding="utf-8"))["max_ram"] == 0.01


def spoil_first():
    """``take`` of the first window gets NaN."""
    from sagittal.engine.waiting import Waiting

    plain = getattr(Waiting.take, "plain", Waiting.take)
    seen = []

    def take(self, window, scores):
        if not seen:
            scores = np.full_like(scores, np.nan)
        seen.append(window)
        plain(self, window, scores)

    take.plain = plain
    return take


def test_bf16_is_taken_where_scores_stay_and_said(run, heads, tmp_path, monkeypatch):
    from sagittal.engine.infer import Predictor

    plain = predictor_at(run)
    monkeypatch.setattr("sagittal.models._precision.computes_bf16", lambda device: True)
    half = replace(plain, plan=replace(plain.plan, precision="auto"))
    assert isinstance(half, Predictor)
    image = io.read(heads / "head_01_T1.nii.gz")
    both = type(image).of(np.repeat(image.read(), 2, axis=0), image.geometry, channels=("t1", "t2"))
    one, other = (next(p.answer([("x", both)])) for p in (plain, half))
    assert (one.provenance["numbers"], other.provenance["numbers"]) == ("float32", "bfloat16")
    assert (one.answer == other.answer).mean() > 0.97


def test_ct_given_to_a_model_of_mr_is_answered_and_said(tmp_path, capsys):
    heads = brain(tmp_path / "heads", patients=5, spacing=7.0)
    model = train(heads, out=tmp_path / "run", sets=[s for s in TINY if "members" not in s]).path
    scan = min(heads.glob("image_*.nii.gz"))
    image = io.read(scan)
    io.write(Image.of(image.read().astype(np.int16) - 1000, image.geometry), tmp_path / "ct.nii.gz")
    made = predict(model, [tmp_path / "ct.nii.gz", scan], out=tmp_path / "out", overlay=False)
    (found,) = made.facts["findings"]
    assert (found["code"], found["items"]) == ("OTHER_KIND", ["ct"])
    assert "OTHER_KIND ct.nii.gz: it looks like CT" in capsys.readouterr().err
    assert json.loads((made.path / "predictions.json").read_text(encoding="utf-8"))["findings"] == [found]


def test_a_picture_for_a_model_of_volumes_is_named(run, tmp_path):
    io.write(Image.of(np.zeros((1, 8, 8), np.uint8), Geometry.picture((8, 8))), tmp_path / "flat.png")
    with pytest.raises(Refused, match=r"AXES flat\.png: has 2 axes where the model expects 3"):
        predict(run, [tmp_path / "flat.png"], out=tmp_path / "out")


@pytest.fixture(scope="module")
def torn(heads, tear, tmp_path_factory):
    """The same heads; the qform of one file lies 5 mm beside its sform."""
    folder = shutil.copytree(heads, tmp_path_factory.mktemp("torn") / "heads")
    tear(folder / "head_01_T1.nii.gz")
    return folder


@pytest.mark.parametrize(
    "asked",
    [
        lambda run, torn, out, **let: evaluate(run, data=torn, out=out, **let),
        lambda run, torn, out, **let: explain(run, data=torn, cases=["head_01"], out=out, **let),
        lambda run, torn, out, **let: predict(run, case(torn, 1), out=out, overlay=False, **let),
        lambda run, torn, out, **let: show([str(torn / "head_01_T1.nii.gz")], **let),
    ],
    ids=["evaluate", "explain", "predict", "show"],
)
def test_a_refusal_that_names_allow_can_be_let_through_by_whoever_made_it(asked, run, torn, tmp_path):
    with pytest.raises(Refused, match=r"AFFINE_CONFLICT.*--allow AFFINE_CONFLICT"):
        asked(run, torn, tmp_path / "a")
    assert asked(run, torn, tmp_path / "b", allow=["AFFINE_CONFLICT"]).record()["exit"] == 0
    told = [p.read_text(encoding="utf-8") for name in ("scores", "predictions") for p in (tmp_path / "b").glob(f"{name}.json")]
    assert all(json.loads(text)["allowed"] == ["AFFINE_CONFLICT"] for text in told)
    with pytest.raises(UsageError, match="UNKNOWN_CODE --allow GROUP_LEAK"):
        asked(run, torn, tmp_path / "c", allow=["GROUP_LEAK"])
