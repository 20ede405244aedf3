"""Scores of other data: matched by name, refused where they cannot be, and loud where the data differ."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sagittal.engine.run import Run
from sagittal.errors import Refused, StorageFailure, UnreadableInput, UsageError
from sagittal.io.writers.raster import encode_png
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.explain import explain
from sagittal.verbs.package import package


def write(root: Path, stripes: Path, *, change=lambda v: v, names=("lying", "standing")) -> Path:
    """A copy of the stripes with changed values or class names."""
    from sagittal import io

    for old, new in zip(("lying", "standing"), names, strict=True):
        (root / new).mkdir(parents=True)
        for path in sorted((stripes / old).glob("*.png")):
            (root / new / path.name).write_bytes(encode_png(change(io.read(str(path)).read())))
    return root


def test_the_runs_own_test_split_is_counted_each_time_it_is_looked_at(stripes_run, tmp_path):
    looks = [json.loads((evaluate(stripes_run, out=tmp_path / str(n)).path / "scores.json").read_text())["touched"] for n in range(2)]
    assert looks[1] == looks[0] + 1
    val = json.loads((evaluate(stripes_run, split="val", out=tmp_path / "val").path / "scores.json").read_text())
    assert "touched" not in val
    assert val["split"] == "val"


def test_the_network_of_these_tests_has_learnt_its_task(stripes_run, tmp_path):
    scores = json.loads((evaluate(stripes_run, out=tmp_path / "test").path / "scores.json").read_text())
    assert next(s["value"] for s in scores["scores"] if s["metric"] == "auc") > 0.8
    assert scores["positive"] == "standing"
    with (tmp_path / "test" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == scores["n"]
    assert {r["split"] for r in rows} == {"test"}
    assert all(float(r["p:lying"]) + float(r["p:standing"]) == pytest.approx(1, abs=2e-6) for r in rows)


def test_another_set_of_classes_is_refused_with_the_nearest_name(stripes_run, stripes, tmp_path):
    other = write(tmp_path / "other", stripes, names=("lying", "standin"))
    with pytest.raises(Refused, match="did you mean standing") as refused:
        evaluate(stripes_run, data=other, out=tmp_path / "out")
    assert refused.value.exit_code == 4
    assert not (tmp_path / "out" / "scores.json").exists()


def test_data_with_fewer_classes_in_another_order_are_matched_by_name(stripes_run, stripes, tmp_path):
    only = tmp_path / "only"
    (only / "standing").mkdir(parents=True)
    for path in sorted((stripes / "standing").glob("*.png"))[:6]:
        (only / "standing" / path.name).write_bytes(path.read_bytes())
    table = only / "labels.csv"
    table.write_text("file,label\n" + "".join(f"standing/{p.name},standing\n" for p in sorted((only / "standing").iterdir())))
    made = evaluate(stripes_run, data=table, out=tmp_path / "out")
    with (made.path / "predictions.csv").open() as file:
        assert {r["truth"] for r in csv.DictReader(file)} == {"standing"}
    auc = [s for s in made.facts["scores"] if s["metric"] == "auc"]
    assert all(s["value"] is None and s["undefined"] for s in auc), "one class has no AUC, and says why"


def test_a_shift_of_intensity_is_said_loudly_and_the_same_data_are_not_accused(stripes_run, stripes, tmp_path, capsys):
    same = evaluate(stripes_run, data=stripes, out=tmp_path / "same")
    quiet = json.loads((same.path / "scores.json").read_text())["shift"]
    assert not [f for f in quiet if f["severity"] == "warn" and f["items"] in (["mean intensity"], ["contrast"])]
    capsys.readouterr()
    bright = evaluate(stripes_run, data=write(tmp_path / "bright", stripes, change=lambda v: v // 2 + 128), out=tmp_path / "shifted")
    loud = json.loads((bright.path / "scores.json").read_text())["shift"]
    found = {f["items"][0]: f for f in loud if f["severity"] == "warn"}
    assert {"mean intensity", "contrast"} <= set(found)
    assert found["mean intensity"]["effect"] == pytest.approx(1.0)
    assert found["mean intensity"]["remedy"]
    assert capsys.readouterr().err.count("SHIFT: mean intensity") == 1
    assert not any("SHIFT: " in line for line in bright.text), "it was said already"


def test_cases_that_the_model_was_trained_on_are_said_before_all_else(stripes_run, stripes, tmp_path, capsys):
    made = evaluate(stripes_run, data=stripes, out=tmp_path / "same")
    found = json.loads((made.path / "scores.json").read_text())["shift"][0]
    own = Run.open(stripes_run).manifest()
    assert (found["code"], found["severity"]) == ("TRAINED_ON", "warn")
    assert found["n"] == len(own.split("train")) + len(own.split("val")) < made.facts["n"]
    assert "the model was trained or chosen on" in capsys.readouterr().err
    copies = write(tmp_path / "copies", stripes)
    other = evaluate(stripes_run, data=copies, out=tmp_path / "other")
    assert "TRAINED_ON" not in (other.path / "scores.json").read_text()


def test_other_sizes_and_other_shares_of_classes_are_said(stripes_run, stripes, tmp_path):
    larger = write(tmp_path / "larger", stripes, change=lambda v: v.repeat(3, axis=1))
    for path in sorted((larger / "lying").iterdir())[2:]:
        path.unlink()
    found = {
        f["items"][0]: f["what"]
        for f in json.loads((evaluate(stripes_run, data=larger, out=tmp_path / "out").path / "scores.json").read_text())["shift"]
    }
    assert "height in pixels differs" in found["height in pixels"]
    assert "width in pixels" not in found
    assert "standing is the truth in" in found["classes"]


def test_scores_that_fall_below_validation_come_first(stripes_run, stripes, tmp_path):
    swapped = write(tmp_path / "swapped", stripes, names=("standing", "lying"))
    found = json.loads((evaluate(stripes_run, data=swapped, out=tmp_path / "out").path / "scores.json").read_text())["shift"]
    assert found[0]["code"] == "SCORE_FALLS"
    assert "validation" in found[0]["what"]


def test_a_split_or_data_that_are_not_there_are_refused(stripes_run, stripes, tmp_path):
    with pytest.raises(UsageError, match="did you mean test"):
        evaluate(stripes_run, split="tset")
    with pytest.raises(UsageError, match="NO_CASES"):
        evaluate(stripes_run, data=stripes, split="test", out=tmp_path / "out")
    with pytest.raises(UsageError):
        evaluate(tmp_path / "nothing", data=stripes)


def test_the_columns_of_a_table_are_matched_by_name_whatever_their_order(rows_run, rows, tmp_path):
    head, *lines = rows.read_text(encoding="utf-8").splitlines()
    turned = [",".join([c, b, a, kind]) for a, b, c, kind in (line.split(",") for line in lines)]
    (tmp_path / "turned.csv").write_text("\n".join(["c,b,a,class", *turned]) + "\n", encoding="utf-8")
    plain, other = (evaluate(rows_run, data=d, out=tmp_path / d.stem).path / "predictions.csv" for d in (rows, tmp_path / "turned.csv"))
    assert [line.split(",")[1:] for line in plain.read_text().splitlines()] == [
        line.split(",")[1:] for line in other.read_text().splitlines()
    ]
    named = rows.read_text(encoding="utf-8").replace(head, "a,b,d,class")
    (tmp_path / "renamed.csv").write_text(named, encoding="utf-8")
    with pytest.raises(Refused, match=r"COLUMNS .* lacks the column c"):
        evaluate(rows_run, data=tmp_path / "renamed.csv", out=tmp_path / "renamed")


def test_other_data_in_a_folder_named_test_leave_the_runs_own_scores_alone(stripes_run, stripes, tmp_path):
    own = evaluate(stripes_run).path / "scores.json"
    before = own.read_bytes()
    made = evaluate(stripes_run, data=write(tmp_path / "clinic" / "test", stripes))
    assert made.path == stripes_run / "evaluation" / "clinic-test"
    assert own.read_bytes() == before


def test_a_package_shows_the_baselines_of_its_training_cases(stripes_run, stripes, tmp_path):
    file = package(stripes_run, out=tmp_path / "stripes.sagittal").path
    few = tmp_path / "few"
    for kind, n in (("lying", 2), ("standing", 8)):
        (few / kind).mkdir(parents=True)
        for path in sorted((stripes / kind).glob("*.png"))[:n]:
            (few / kind / path.name).write_bytes(path.read_bytes())
    made, own = (
        json.loads((evaluate(m, data=few, out=tmp_path / n).path / "scores.json").read_text()) for m, n in ((file, "a"), (stripes_run, "b"))
    )
    assert made["baselines"] == own["baselines"]
    prevalence = next(b for b in made["baselines"] if b["name"] == "prevalence")
    assert "training cases" in prevalence["why"]
    brier = next(s["value"] for s in prevalence["scores"] if s["metric"] == "brier" and s["class"] in {"", "standing", None})
    assert brier != pytest.approx(0.16, abs=0.02), "not the shares of the cases at hand (.8)"


def test_broken_cases_are_refused_with_the_way_around_or_skipped_and_listed(stripes_run, stripes, tmp_path):
    broken = write(tmp_path / "broken", stripes)
    first = min((broken / "lying").glob("*.png"))
    first.write_bytes(first.read_bytes()[:60])
    for verb in (evaluate, explain):
        with pytest.raises(UnreadableInput, match="skip it with --allow-unreadable"):
            verb(stripes_run, data=broken, out=tmp_path / "strict")
        made = verb(stripes_run, data=broken, out=tmp_path / verb.__name__, allow_unreadable=True)
        assert made.record()["exit"] == 11
        assert len(made.failed) == 1
        assert first.stem in (tmp_path / verb.__name__ / "failed.csv").read_text()
    assert json.loads((tmp_path / "evaluate" / "scores.json").read_text())["n"] == 59


def test_other_data_take_the_layout_and_the_limit_that_a_user_gives(stripes_run, stripes, tmp_path):
    for verb in (evaluate, explain):
        verb(stripes_run, data=stripes, layout="class_folders", out=tmp_path / verb.__name__)
        with pytest.raises(UsageError, match="--data"):
            verb(stripes_run, layout="class_folders")
        with pytest.raises(UsageError, match="did you mean class_folders"):
            verb(stripes_run, data=stripes, layout="class_folder")
        with pytest.raises(UnreadableInput, match="OVER_LIMIT"):
            verb(stripes_run, data=stripes, max_pixels=100, out=tmp_path / "small")


def test_an_evaluation_that_was_interrupted_is_no_look(stripes_run, tmp_path, monkeypatch):
    from sagittal.engine import assess

    evaluate(stripes_run, out=tmp_path / "a")
    before = (stripes_run / "touched.json").read_bytes()

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(assess, "answered", stop)
        evaluate(stripes_run, out=tmp_path / "b")
    assert (stripes_run / "touched.json").read_bytes() == before


def test_a_package_scores_as_its_run_and_tells_the_same_shifts_without_the_cases(stripes_run, stripes, tmp_path, capsys):
    file = package(stripes_run, out=tmp_path / "stripes.sagittal").path
    bright = write(tmp_path / "bright", stripes, change=lambda v: v // 2 + 128)
    capsys.readouterr()
    made = evaluate(file, data=bright, out=tmp_path / "a")
    said = capsys.readouterr().err.splitlines()
    own = evaluate(stripes_run, data=bright, out=tmp_path / "b")
    same = [line for line in capsys.readouterr().err.splitlines() if line.startswith("SHIFT: ")]
    assert made.facts == own.facts
    assert json.loads((made.path / "scores.json").read_text())["shift"] == json.loads((own.path / "scores.json").read_text())["shift"]
    assert any(line.startswith("SHIFT: mean intensity differs") for line in said)
    known = "SHIFT: stripes.sagittal holds no cases: whether some of these are its own cannot be said"
    assert [line for line in said if line.startswith("SHIFT: ")] == [known, *same]


def test_a_package_that_tells_nothing_of_its_validation_cases_says_so_once(stripes_run, stripes, tmp_path, capsys, monkeypatch):
    def gone(*_: object) -> None:
        raise UnreadableInput("NOT_READABLE", "a.png", "no such file", "copy it back")

    with monkeypatch.context() as patched:
        patched.setattr("sagittal.engine.package.validation_of", gone)
        file = package(stripes_run, out=tmp_path / "stripes.sagittal").path
    assert "the package cannot tell how other data differ" in capsys.readouterr().err
    made = evaluate(file, data=stripes, out=tmp_path / "a")
    assert json.loads((made.path / "scores.json").read_text())["shift"] == []
    assert capsys.readouterr().err.count("stripes.sagittal holds no cases: whether these data differ from its validation cases") == 1


def test_validation_cases_are_answered_once_a_model(stripes_run, stripes, tmp_path, monkeypatch):
    evaluate(stripes_run, data=stripes, out=tmp_path / "a")
    kept = (stripes_run / "validation.json").read_text()
    monkeypatch.setattr("sagittal.engine.validated.assess", lambda *_: pytest.fail("validation cases were answered again"))
    evaluate(stripes_run, data=stripes, out=tmp_path / "b")
    monkeypatch.undo()
    record = json.loads(kept)
    (stripes_run / "validation.json").write_text(json.dumps({**record, "model": "another", "measures": {}}))
    evaluate(stripes_run, data=stripes, out=tmp_path / "c")
    assert json.loads((stripes_run / "validation.json").read_text()) == record


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_answered(stripes_run, tmp_path, monkeypatch):
    monkeypatch.setattr("sagittal.engine.assess.assess", lambda *_, **__: pytest.fail("cases were answered"))
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailure, match="NO_FOLDER"):
        evaluate(stripes_run, out=tmp_path / "file" / "scores")
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        evaluate(stripes_run, out=stripes_run)
