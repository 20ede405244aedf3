"""Page one must not promise more than the run shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sagittal.report.flags import flags, headlines
from sagittal.report.sections.limits import limits
from sagittal.report.sections.scores import scores
from sagittal.report.sections.verdict import verdict
from sagittal.report.view import RunView


@pytest.fixture
def changed(example_run, tmp_path: Path):
    """Gives the view of an example run after a change to one of its JSON files."""

    def change(name: str, file: str, **keys: object) -> RunView:
        run = shutil.copytree(example_run(name), tmp_path / "run", dirs_exist_ok=True)
        record = json.loads((run / file).read_text(encoding="utf-8"))
        (run / file).write_text(json.dumps({**record, **keys}), encoding="utf-8")
        return RunView(run)

    return change


def told(view: RunView) -> str:
    return str(verdict(view).html)


def codes(view: RunView) -> list[tuple[str, str]]:
    return [(f.severity, f.title) for f in flags(view)]


def test_a_clean_run_says_what_was_looked_for(example_run):
    text = told(RunView(example_run("covid")))
    assert "203 cases" in text and "that it never saw in training" in text
    assert "no patient on both sides of a split" in text and "scored once" in text


def test_a_dice_over_fewer_cases_than_were_answered_says_over_how_many(example_run, changed):
    record = json.loads((example_run("brain") / "evaluation/test/scores.json").read_text(encoding="utf-8"))
    view = changed("brain", "evaluation/test/scores.json", n=record["n"] + 7)
    assert f"over {record['n']} cases that have it" in told(view)
    assert "that have it" not in told(RunView(example_run("brain")))


def test_scores_a_patient_at_a_time_are_not_said_to_be_missing(example_run, changed):
    missing = "How it does a patient at a time"
    assert missing not in str(limits(RunView(example_run("brain"))).html), "each case is another patient"
    view = changed("brain", "evaluation/test/scores.json", n=20)
    view.__dict__["predictions"] = [{**row, "group": "one"} for row in view.predictions]
    assert missing in str(limits(view).html)
    view.__dict__["result"] = {**view.result, "levels": [{"level": "patient", "rule": "", "n": 3, "scores": []}]}
    assert missing not in str(limits(view).html)


def test_a_leak_is_on_page_one_and_nothing_is_promised(example_run):
    text = told(RunView(example_run("oct")))
    assert "Do not rely on this" in text and "both sides of a split" in text
    assert "never saw" not in text


def test_without_patients_nothing_is_promised(example_run):
    view = RunView(example_run("many"))
    assert ("warn", "No patient is known") in codes(view)
    assert "never saw" not in told(view)


def test_without_an_audit_nothing_is_promised(changed):
    view = changed("covid", "audit.json")
    (view.folder / "audit.json").unlink()
    assert ("warn", "The data were not audited") in codes(view)
    assert "never saw" not in told(view) and "The audit found" not in told(view)


def test_a_score_whose_interval_holds_the_baseline_stops_the_reader(example_run):
    view = RunView(example_run("table"))
    assert codes(view)[0] == ("block", "Not shown to be better than guessing")
    assert "not shown to be better than guessing" in told(view)


def test_an_error_below_that_of_the_mean_is_no_guess(example_run):
    assert ("block", "Not shown to be better than guessing") not in codes(RunView(example_run("age")))


def test_looking_twice_at_the_test_is_said(example_run):
    assert ("warn", "The test was looked at more than once") in codes(RunView(example_run("many")))
    assert ("warn", "The test was looked at more than once") not in codes(RunView(example_run("covid")))


def test_the_weakest_class_is_named(example_run):
    assert "the weakest class is DRUSEN" in told(RunView(example_run("oct")))


def test_a_shift_is_loud(changed):
    shift = [{"severity": "warn", "what": "the pictures are darker: 41 against 78 in training"}]
    view = changed("covid", "evaluation/test/scores.json", shift=shift)
    assert ("warn", "The data differ from those of training") in codes(view)
    assert "The pictures are darker: 41 against 78 in training." in told(view)


def test_looking_at_the_border_is_flagged(changed):
    view = changed("covid", "explanation/test/index.json", border_attention={"mean": 0.7, "share": 0.36, "n": 20})
    assert ("warn", "The network looks at the border") in codes(view)
    assert ("warn", "The network looks at the border") not in codes(RunView(view.folder.parent / "nothing"))


def test_probabilities_that_stayed_as_they_were_say_why(changed):
    left = {"kind": "identity", "classes": ["a"], "slope": [1.0], "shift": [0.0], "n": 9, "reasons": {"": "validation has 9 known cases"}}
    found = [f for f in flags(changed("covid", "evaluation/test/scores.json", calibration=left)) if "calibrated" in f.title]
    assert [f.text for f in found] == ["Validation has 9 known cases."]


def test_cross_validation_is_explained(changed):
    view = changed("covid", "evaluation/test/scores.json", cross_validation={"folds": 10, "repeats": 10})
    assert "each answered by a model that had not seen its patient" in told(view)
    assert any("pooled over 10 folds, 10 times over" in f.text for f in flags(view))


def test_a_headline_without_a_value_says_why(changed):
    scores = [{"metric": "auc", "class": "", "value": None, "undefined": "only one class in the truth", "n": 7}]
    text = told(changed("covid", "evaluation/test/scores.json", scores=scores, baselines=[], confusion=None))
    assert "no AUC (only one class in the truth)" in text


def test_the_user_may_choose_the_headline(changed):
    assert [s.metric for s in headlines(changed("covid", "evaluation/test/scores.json", headline=["mcc"]))] == ["mcc", "auc"]


def test_an_unevaluated_run_has_no_verdict(example_run):
    assert verdict(RunView(example_run("bare"))) is None


def finding(code: str, severity: str) -> dict[str, object]:
    return {"code": code, "severity": severity, "items": ["a"], "n": 1, "what": f"about {code}", "remedy": "do it"}


def test_a_leak_that_was_taken_out_of_training_is_a_note(changed):
    findings = [finding("GROUP_LEAK", "block"), finding("GROUP_LEAK_VAL", "warn"), finding("GROUP_LEAK_DROPPED", "warn")]
    view = changed("covid", "audit.json", findings=findings)
    assert [c for c in codes(view) if "patient" in c[1]] == [("note", "Cases of shared patients were left out")]
    assert "that it never saw in training" in told(view)


@pytest.mark.parametrize("code", ["GROUP_LEAK", "DUPLICATE", "NEAR_DUPLICATE", "SAME_SOURCE"])
def test_after_anything_that_crosses_the_split_nothing_is_promised(changed, code):
    view = changed("covid", "audit.json", findings=[finding(code, "warn")])
    assert "never saw" not in told(view) and "Hold against it" in told(view)


def test_files_that_were_left_out_are_no_danger(changed):
    assert ("note", "Files that cannot be read") in codes(changed("covid", "audit.json", findings=[finding("UNREADABLE", "block")]))


def test_a_fall_on_other_data_is_on_page_one(changed):
    view = changed("covid", "evaluation/test/scores.json")
    other = view.folder / "evaluation" / "hospital_b" / "scores.json"
    other.parent.mkdir()
    fall = {"code": "SCORE_FALLS", "severity": "warn", "what": "auc is 0.61 here and 0.96 on validation", "remedy": "train on some of them"}
    other.write_text(
        json.dumps({"n": 40, "scores": [{"metric": "auc", "class": "COVID", "value": 0.61}], "shift": [fall]}), encoding="utf-8"
    )
    assert ("warn", "On “hospital_b” it is another matter") in codes(RunView(view.folder))


def test_what_speaks_against_a_threshold_is_said_once(changed):
    from sagittal.report.sections.calibration import calibration

    note = "12 cases are too few to promise 0.95"
    fitted = {"label": "COVID", "value": 0.1, "sensitivity": 1.0, "specificity": 0.8, "n_with": 12, "n_without": 12, "note": note}
    point = {"classes": ["COVID", "NonCOVID"], "rule": "sensitivity", "wanted": 0.95, "thresholds": [fitted], "note": f"COVID: {note}"}
    view = changed("covid", "evaluation/test/scores.json", operating_point=point)
    assert str(calibration(view).html).count("too few to promise") == 1


def test_a_score_that_cases_and_patients_lack_for_one_reason_is_said_once(changed):
    def lacking(n: int, why: str) -> dict[str, object]:
        return {"metric": "top_k", "class": "", "value": None, "undefined": why, "n": n}

    same = {"scores": [lacking(90, "two classes")], "patient_scores": [lacking(31, "two classes")], "baselines": []}
    text = str(scores(changed("covid", "evaluation/test/scores.json", **same)).html)
    assert text.count("<li>Top-k accuracy: two classes (n\u00a0=\u00a090, 31 patients)") == text.count("<li>Top-k accuracy") == 1
    other = str(scores(changed("covid", "evaluation/test/scores.json", **{**same, "patient_scores": [lacking(0, "no patient")]})).html)
    assert "two classes (n\u00a0=\u00a090)" in other and "no patient (n\u00a0=\u00a00 patients)" in other
