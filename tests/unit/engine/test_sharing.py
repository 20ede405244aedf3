"""Several processes share out the cases that are answered after training; all end with the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sagittal.engine.checkpoint import load
from sagittal.engine.infer import Predictor
from sagittal.engine.learn import calibrate
from sagittal.engine.ranks import Ranks
from sagittal.engine.run import Run
from sagittal.verbs.train import train

TWO = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
SETS = ("model.name=preact_resnet", "model.widths=[8]", "model.blocks=1", "train.epochs=2", "train.batch=8", "prepare.size=24")


def together(*words: object) -> None:
    done = subprocess.run([*TWO, *map(str, words)], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_alone_everything_is_ones_own():
    assert Ranks(torch.device("cpu")).shared("abc", lambda some: some.upper()) == ["A", "B", "C"]


@pytest.mark.slow
def test_each_item_is_worked_on_once_and_all_get_everything_in_order(tmp_path):
    together(Path(__file__).with_name("_sharing.py"), tmp_path)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1))
    for n in (0, 1, 5, 8):
        a, b = first[str(n)], second[str(n)]
        assert a["mine"] + b["mine"] == list(range(n))
        assert abs(len(a["mine"]) - len(b["mine"])) <= 1
        assert a["all"] == b["all"] == [f"{i}" for i in range(n) for _ in range(i % 3)]
    assert first["raised"] == second["raised"] == "NAN_SCORE case 6: NaN; look", "who has done its part well ends as the others do"


@pytest.mark.slow
def test_two_processes_calibrate_as_one_does(stripes, tmp_path):
    words = ["-m", "sagittal.cli", "train", stripes, "-o", tmp_path / "two", "--device", "cpu"]
    together(*words, *(word for one in SETS for word in ("--set", one)))
    run = Run.open(tmp_path / "two")
    kept, plan = run.read("calibration.json"), run.plan()
    shutil.copytree(tmp_path / "two", tmp_path / "one")
    network = plan.network()
    network.load_state_dict(load(tmp_path / "two" / "checkpoints" / "best").model)
    predictor = Predictor(plan=plan, task=plan.row, members=[network.eval()], device=torch.device("cpu"))
    calibrate(Run.open(tmp_path / "one"), predictor, run.manifest())
    assert _numbers(Run.open(tmp_path / "one").read("calibration.json")) == pytest.approx(_numbers(kept), abs=1e-5)


@pytest.mark.slow
def test_two_processes_pool_the_folds_of_all_cases(rows, tmp_path):
    sets = ("train.epochs=2", "train.rounds=2", "split.folds=2", "model.members=1")
    words = ["-m", "sagittal.cli", "train", rows, "-o", tmp_path / "two", "--device", "cpu"]
    together(*words, *(word for one in sets for word in ("--set", one)))
    one = train(rows, out=tmp_path / "one", sets=sets)
    pooled = [
        np.loadtxt(p / "evaluation" / "test" / "predictions.csv", str, delimiter=",", usecols=0) for p in (tmp_path / "two", one.path)
    ]
    assert np.array_equal(*pooled)


def _numbers(record: object) -> list[float]:
    if isinstance(record, dict):
        return [n for key in sorted(record) for n in _numbers(record[key])]
    if isinstance(record, list):
        return [n for one in record for n in _numbers(one)]
    return [float(record)] if isinstance(record, int | float) else []
