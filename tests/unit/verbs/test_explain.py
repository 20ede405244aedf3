"""What an explanation leaves behind."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sagittal import io
from sagittal.errors import UsageError
from sagittal.report.render import render
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.explain import explain
from sagittal.verbs.package import package


def test_a_picture_has_a_map_on_its_own_grid_and_an_overlay(stripes_run, tmp_path):
    folder = explain(stripes_run, out=tmp_path / "out").path
    index = json.loads((folder / "index.json").read_text())
    assert index["method"] == "grad_cam"
    assert "importance" not in index
    kinds = {i["kind"] for i in index["items"]}
    assert kinds <= {"TP", "FP", "TN", "FN", "confident_mistake", "near_threshold"}
    assert {"TP", "TN", "near_threshold"} <= kinds
    for item in index["items"]:
        found = np.load(folder / item["map"], allow_pickle=False)
        assert found.shape == (24, 20)
        assert found.min() >= 0
        for name in ("picture", "overlay"):
            assert (folder / item[name]).read_bytes().startswith(b"\x89PNG")
    assert 0 <= index["border_attention"]["mean"] <= 1
    assert index["border_attention"]["method"] == "integrated_gradients", "Grad-CAM is too coarse for it"
    assert index["border_attention"]["n"] == len({(i["case"], i["target"]) for i in index["items"]})
    assert (folder / index["kernels"]).is_file()
    assert io.read(folder / index["features"]).read().std() > 10, "tiles of maps, not an empty sheet"


def test_a_run_answers_its_test_cases_once(stripes, tmp_path, monkeypatch):
    from sagittal.engine import assess
    from sagittal.verbs.run import run

    asked = []
    answered = assess.answered
    monkeypatch.setattr(assess, "answered", lambda p, m, cases, **k: (asked.append(len(cases)), answered(p, m, cases, **k))[1])
    sets = ["model.name=preact_resnet", "model.widths=[4]", "model.blocks=1", "train.epochs=1", "prepare.size=16", "explain.cases=1"]
    made = run(stripes, out=tmp_path / "run", sets=sets)
    assert asked == [made.facts["n"]]
    assert (tmp_path / "run" / "explanation" / "test" / "index.json").is_file()


def test_named_cases_are_explained_and_unknown_ones_answered_with_the_nearest(stripes_run, tmp_path):
    from sagittal.engine.run import Run

    name = Run.open(stripes_run).manifest().split("test")[0].id
    index = json.loads((explain(stripes_run, cases=[name], out=tmp_path / "out").path / "index.json").read_text())
    assert {i["case"] for i in index["items"]} == {name}
    with pytest.raises(UsageError, match=f"did you mean {name}"):
        explain(stripes_run, cases=[name + "x"])


def test_columns_of_a_table_have_an_importance_with_its_interval_and_the_report_shows_it(rows_run):
    evaluate(rows_run)
    index = json.loads((explain(rows_run).path / "index.json").read_text())
    found = {c["column"]: c for c in index["importance"]["columns"]}
    assert index["importance"]["score"] == "log loss"
    assert set(found) == {"a", "b", "c"}
    for name in ("a", "b"):
        assert found[name]["low"] > 0, "shuffling it costs something, whoever is tested"
        assert found[name]["low"] <= found[name]["fall"] <= found[name]["high"]
    assert found["c"]["fall"] < 0.3 * min(found["a"]["fall"], found["b"]["fall"])
    assert [c["fall"] for c in index["importance"]["columns"]] == sorted((c["fall"] for c in found.values()), reverse=True)
    assert set(index["items"][0]["columns"]) == {"a", "b", "c"}
    page = render(rows_run, None).read_text(encoding="utf-8")
    assert "What shuffling a column costs" in page
    assert "rise of the log loss" in page
    again = json.loads((explain(rows_run).path / "index.json").read_text())
    assert again["importance"] == index["importance"]


def test_a_package_without_data_says_what_to_name(stripes_run, tmp_path):
    file = package(stripes_run, out=tmp_path / "stripes.sagittal").path
    with pytest.raises(UsageError, match="name some with --data"):
        explain(file)
