"""What the report reads, and what it does with files that are missing, broken or not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagittal.errors import UnreadableInput
from sagittal.report.score_reading import pick, scores_of
from sagittal.report.view import RunView, within


def test_an_empty_folder_is_an_empty_run(tmp_path: Path):
    view = RunView(tmp_path)
    assert (view.recipe, view.audit, view.log, view.predictions, view.evaluations) == ({}, {}, {}, [], [])
    assert view.evaluation == "test" and view.labels.classes == ()


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_a_broken_record_is_named(tmp_path: Path, text):
    (tmp_path / "plan.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UnreadableInput, match=r"plan\.json"):
        _ = RunView(tmp_path).plan


def test_a_broken_recipe_is_named(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"recipe\.yaml"):
        _ = RunView(tmp_path).recipe


def test_a_log_with_gaps_has_none_there(tmp_path: Path):
    (tmp_path / "log.csv").write_text("epoch,val_auc\n1,\n2,0.5\n3,nan\n", encoding="utf-8")
    assert RunView(tmp_path).log == {"epoch": [1.0, 2.0, 3.0], "val_auc": [None, 0.5, None]}


def test_a_nan_score_is_undefined_not_a_number():
    score = scores_of({"scores": [{"metric": "auc", "value": float("nan"), "n": 3}]})[0]
    assert score.value is None and score.undefined


def test_the_positive_class_speaks_where_there_is_no_overall_score():
    scores = scores_of({"scores": [{"metric": "auc", "class": "COVID", "value": 0.9}, {"metric": "auc", "class": "none", "value": 0.8}]})
    assert pick(scores, "auc", "", "COVID").value == 0.9
    assert pick(scores, "auc") is None


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "", None, 7, "gone.png", "."])
def test_a_picture_outside_the_folder_is_never_opened(tmp_path: Path, name):
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    assert within(tmp_path / "folder", name) is None


def test_the_best_baseline_of_an_error_is_the_lowest(example_run):
    view = RunView(example_run("age"))
    assert view.best_baseline("mae")[1].value == 17.4


def test_scores_a_case_come_from_the_predictions(example_run):
    found = [s for s in RunView(example_run("brain")).case_scores if s.metric == "dice" and s.label == "CSF"]
    assert len(found) == 18
    assert [s.case for s in found if s.value is None] == ["IBSR_04"]


def test_probabilities_are_not_scores_a_case(example_run):
    assert RunView(example_run("covid")).case_scores == []


def test_the_held_out_test_is_reported_first(tmp_path: Path):
    for name in ("val", "hospital_b", "test"):
        (tmp_path / "evaluation" / name).mkdir(parents=True)
        (tmp_path / "evaluation" / name / "scores.json").write_text("{}", encoding="utf-8")
    assert RunView(tmp_path).evaluation == "test"
    (tmp_path / "evaluation" / "test" / "scores.json").unlink()
    assert RunView(tmp_path).evaluation == "val"
