"""Answers for new sources: what lies beside pictures is left alone, what cannot be an input is refused in one line."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from sagittal.errors import UnreadableInput, UsageError
from sagittal.verbs.audit import audit
from sagittal.verbs.convert import convert
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.package import package
from sagittal.verbs.predict import predict
from sagittal.verbs.train import train


def test_what_lies_beside_pictures_in_a_folder_is_no_source(stripes_run, stripes, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    for path in sorted((stripes / "lying").glob("*.png"))[:3]:
        shutil.copy(path, folder / path.name)
    for name in ("labels.csv", "README.md", "outlines.svg", "report.html", "cases.xlsx", "Thumbs.db", "desktop.ini", "._a.png"):
        (folder / name).write_text("nothing to answer", encoding="utf-8")
    made = predict(stripes_run, [folder], out=tmp_path / "out", overlay=False)
    record = json.loads((made.path / "predictions.json").read_text(encoding="utf-8"))
    assert (record["format"], record["version"], len(record["predictions"])) == ("sagittal-predictions", 1, 3)


def test_a_picture_is_no_row_of_a_table(rows_run, stripes, tmp_path):
    picture = min((stripes / "lying").glob("*.png"))
    with pytest.raises(UnreadableInput, match="lacks the column a and 2 more"):
        predict(rows_run, [picture], out=tmp_path / "out")


def test_the_columns_of_a_table_are_taken_by_name(rows_run, rows, tmp_path):
    lines = [line.split(",") for line in rows.read_text(encoding="utf-8").splitlines()[:6]]
    turned = tmp_path / "turned.csv"
    turned.write_text("".join(f"{c},{a},{b}\n" for a, b, c, _ in lines), encoding="utf-8")
    plain, other = (predict(rows_run, [path], out=tmp_path / path.stem).facts["predictions"] for path in (rows, turned))
    assert plain[:5] == other
    with pytest.raises(UnreadableInput, match="COLUMNS"):
        turned.write_text("a,b,d\n1,2,3\n", encoding="utf-8")
        predict(rows_run, [turned], out=tmp_path / "lacking")


def test_what_could_not_be_read_is_listed_and_ends_with_11(stripes_run, stripes, tmp_path):
    good = min((stripes / "lying").glob("*.png"))
    bad = tmp_path / "cut, off.png"
    bad.write_bytes(good.read_bytes()[:60])
    made = predict(stripes_run, [good, bad], out=tmp_path / "out", overlay=False, allow_unreadable=True)
    assert (made.facts["n"], made.record()["exit"]) == (1, 11)
    with (made.path / "failed.csv").open(encoding="utf-8", newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == [str(bad)]


def test_nothing_of_an_earlier_prediction_into_the_folder_is_left_behind(stripes_run, stripes, tmp_path):
    good = min((stripes / "lying").glob("*.png"))
    bad = tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    made = predict(stripes_run, [good, bad], out=tmp_path / "out", overlay=False, allow_unreadable=True)
    assert (made.path / "failed.csv").is_file()
    predict(stripes_run, [good], out=tmp_path / "out", overlay=False)
    assert not (made.path / "failed.csv").exists()


def test_no_verb_writes_into_the_folder_of_a_run(stripes_run, stripes, tmp_path):
    kept = {p.name: p.read_bytes() for p in stripes_run.iterdir() if p.is_file()}
    good = min((stripes / "lying").glob("*.png"))
    for verb in (
        lambda: predict(stripes_run, [good], out=stripes_run),
        lambda: audit(stripes, out=stripes_run),
        lambda: convert([good], out=stripes_run),
    ):
        with pytest.raises(UsageError, match=r"OUTPUT_EXISTS.*a run lies"):
            verb()
    assert {p.name: p.read_bytes() for p in stripes_run.iterdir() if p.is_file()} == kept


def test_a_largest_picture_of_nothing_is_misspelt(stripes_run, stripes, tmp_path):
    with pytest.raises(UsageError, match="OUT_OF_RANGE --max-pixels"):
        predict(stripes_run, [stripes], out=tmp_path / "out", max_pixels=0)
    assert not (tmp_path / "out").exists()


def test_true_and_false_count_in_training_evaluation_prediction_and_package(tmp_path):
    rng = np.random.default_rng(0)
    fever, noise = rng.random(120) < 0.5, rng.normal(size=120)
    data = tmp_path / "rows.csv"
    lines = [f"{n:.3f},{'yes' if f else 'no'},{'sick' if f else 'well'}" for f, n in zip(fever, noise, strict=True)]
    data.write_text("\n".join(["noise,fever,label", *lines]), encoding="utf-8")
    run = train(data, out=tmp_path / "run", sets=["train.epochs=2", "model.members=2", "train.rounds=20"]).path
    other = tmp_path / "other.csv"
    other.write_text("fever,noise\nTRUE,0.1\nFALSE,0.1\n", encoding="utf-8")
    file = package(run, out=tmp_path / "model.sagittal").path
    told = [predict(model, [other], out=tmp_path / f"out{i}").facts["predictions"] for i, model in enumerate((run, file))]
    assert [row["predicted"] for row in told[0]] == ["sick", "well"]
    assert told[0] == told[1]
    scores = evaluate(run, data=data).facts
    assert scores["n"] == 120
