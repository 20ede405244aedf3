"""Cross-validation: every case is answered once in each repeat, by a model that has not seen its patient."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest
import torch

from sagittal.engine import crossval
from sagittal.engine.learn import predictor_of
from sagittal.engine.run import Run
from sagittal.errors import UsageError
from sagittal.report.render import render
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.explain import explain
from sagittal.verbs.run import run as whole
from sagittal.verbs.train import train

SETS = ("split.folds=3", "split.repeats=2", "train.epochs=1", "train.rounds=1", "model.members=1", "model.widths=[8]")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Two rows a patient, 30 patients."""
    import numpy as np

    values = np.random.default_rng(5).normal(size=(60, 3))
    lines = [f"p{i // 2:02d},{a:.3f},{b:.3f},{c:.3f},{'ill' if i % 4 < 2 else 'well'}" for i, (a, b, c) in enumerate(values)]
    path = tmp_path_factory.mktemp("data") / "table.csv"
    path.write_text("\n".join(["patient,a,b,c,class", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    made = train(table, out=tmp_path_factory.mktemp("runs") / "folds", sets=SETS)
    return Run.open(made.path)


def test_every_case_is_pooled_exactly_once(run):
    with (run.evaluation("test") / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(r["case"] for r in rows) == sorted(c.id for c in run.manifest().cases)
    scores = run.read("evaluation/test/scores.json")
    assert scores["n"] == 60
    assert {s["n"] for s in scores["scores"] if s["metric"] == "accuracy" and not s["class"]} == {60}
    assert scores["cross_validation"]["folds"] == 3
    assert scores["cross_validation"]["repeats"] == len(scores["cross_validation"]["each"]) == 2
    accuracy = [e["accuracy"] for e in scores["cross_validation"]["each"]]
    assert next(s["value"] for s in scores["scores"] if s["metric"] == "accuracy" and not s["class"]) == pytest.approx(sum(accuracy) / 2)


def test_the_model_of_a_fold_has_not_seen_the_patients_it_answers(table, monkeypatch, tmp_path):
    seen = []
    answered = crossval.answered

    def watched(predictor, fold, cases, **more):
        taught = {c.group for c in fold.cases if c.split in {"train", "val"}}
        assert taught.isdisjoint({c.group for c in cases})
        assert {c.group for c in cases} | taught == {f"p{i:02d}" for i in range(30)}
        seen.append([c.id for c in cases])
        return answered(predictor, fold, cases, **more)

    monkeypatch.setattr(crossval, "answered", watched)
    train(table, out=tmp_path / "run", sets=[*SETS, "split.repeats=1"])
    assert len(seen) == 3
    assert len({c for ids in seen for c in ids}) == sum(len(ids) for ids in seen) == 60


def test_finished_folds_are_kept_when_the_run_is_resumed(run, monkeypatch):
    learnt = []
    learn = crossval.learn
    monkeypatch.setattr(crossval, "learn", lambda part, *a, **k: (learnt.append(part.path.name), learn(part, *a, **k))[1])
    before = run.read("evaluation/test/scores.json")
    lost = run.path / "folds" / "01-01" / crossval.FINISHED
    lost.unlink()
    train(resume=run.path)
    assert learnt == ["01-01", run.path.name], "only what was not finished, and the model of all cases goes on from its end"
    assert run.read("evaluation/test/scores.json") == before


def test_the_kept_model_is_taught_by_all_cases_and_calibrated_on_what_was_pooled(run):
    assert run.has("calibration.json")
    predictor = predictor_of(run, device=torch.device("cpu"))
    assert predictor.calibration is not None
    assert not list((run.path / "folds").glob("*/checkpoints/last"))
    assert len(list((run.path / "folds").glob("*/checkpoints/best"))) == 6
    state = json.loads((run.checkpoints / "last" / "state.json").read_text())
    assert state["of"]["train_samples"] == 60


def test_evaluating_such_a_run_gives_the_pooled_scores(run):
    made = evaluate(run.path)
    assert made.text[0] == "pooled out-of-fold answers"
    assert made.facts["n"] == 60


def test_pooled_scores_go_where_they_are_wanted_and_count_as_a_look(run, tmp_path):
    looks = [json.loads((evaluate(run.path, out=tmp_path / str(n)).path / "scores.json").read_text())["touched"] for n in range(2)]
    assert looks[1] == looks[0] + 1
    assert {p.name for p in (tmp_path / "1").iterdir()} == {"scores.json", "predictions.csv", "curves.json"}


def test_what_is_explained_has_not_been_seen_by_the_model_or_the_page_says_so(run, tmp_path):
    index = json.loads((explain(run.path, out=tmp_path / "folds").path / "index.json").read_text())
    _, fold = crossval.first_fold(run)
    unseen = {c.id for c in fold.split("test")}
    assert {i["case"] for i in index["items"]} <= unseen
    assert len(unseen) == 20
    assert "first fold" in index["note"]
    named = json.loads((explain(run.path, cases=[min(unseen)], out=tmp_path / "named").path / "index.json").read_text())
    assert named["note"] == "The model was trained on the only case shown here."
    explain(run.path)
    assert index["note"] in " ".join(render(run.path, None).read_text(encoding="utf-8").replace("&#39;", "'").split())


def test_splits_of_such_a_run_are_those_in_which_its_model_has_met_the_cases(run, tmp_path):
    made = evaluate(run.path, split="train", out=tmp_path / "train")
    assert made.facts["n"] == 60
    with pytest.raises(UsageError, match="NO_CASES"):
        evaluate(run.path, split="val", out=tmp_path / "val")


def test_a_run_of_folds_is_scored_by_what_was_pooled_also_without_a_test_split(table, tmp_path):
    made = whole(table, out=tmp_path / "run", sets=[*SETS, "split.repeats=1", "split.test=0", "explain.cases=1"])
    own = Run.open(made.path)
    assert not own.manifest().split("test")
    assert made.facts["n"] == 60
    assert [p.name for p in (made.path / "evaluation").iterdir()] == ["test"]


PROCESSES = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "sagittal.cli")


def together(*command: object) -> subprocess.CompletedProcess[str]:
    """A command in two processes on the CPU."""
    given = [*PROCESSES, *map(str, command), "--device", "cpu"]
    return subprocess.run(given, capture_output=True, text=True, timeout=400, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_two_processes_train_each_fold_together(table, run, tmp_path):
    sets = [part for one in SETS for part in ("--set", one)]
    made = together("train", table, "-o", tmp_path / "two", *sets)
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("repeat 1 of 2") == 1, "one process speaks"
    two = Run.open(tmp_path / "two")
    assert len(list((two.path / "folds").glob(f"*/{crossval.FINISHED}"))) == 6
    rows = [list(csv.DictReader((r.evaluation("test") / "predictions.csv").open())) for r in (run, two)]
    assert [r["case"] for r in rows[0]] == [r["case"] for r in rows[1]]
    # a table's batch norm and dropout see a process's share: the same way of training, not the same bytes
    scores = [r.read("evaluation/test/scores.json")["scores"][0] for r in (run, two)]
    assert scores[0]["metric"] == scores[1]["metric"]
    assert scores[0]["n"] == scores[1]["n"] == 60
    before = two.read("evaluation/test/scores.json")
    (two.path / "folds" / "01-01" / crossval.FINISHED).unlink()
    gone_on = together("train", "--resume", two.path)
    assert gone_on.returncode == 0, gone_on.stderr
    assert two.read("evaluation/test/scores.json") == before


@pytest.mark.slow
def test_a_whole_run_in_two_processes_is_told_by_one(table, tmp_path):
    sets = [part for one in (*SETS, "split.repeats=1", "explain.cases=1") for part in ("--set", one)]
    made = together("run", table, "-o", tmp_path / "two", *sets)
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("evaluating the test split") == 1
    assert (tmp_path / "two" / "report.html").is_file()
