"""From a plan to a trained model: where it starts, on how many threads, and what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sagittal.data.images import image_of
from sagittal.engine import checkpoint
from sagittal.engine import learn as learning
from sagittal.engine.learn import device_of, learn, predictor_of
from sagittal.engine.learner import Learner
from sagittal.engine.plan import Plan
from sagittal.engine.run import Run
from sagittal.engine.settings import Every
from sagittal.errors import Interrupted, UsageError

CPU = torch.device("cpu")
HARMLESS = ("train.optimizer=sgd", "train.lr=1e-9", "train.schedule=constant", "train.epochs=1", "train.ema=null", "train.weight_decay=0")


def quiet(line):
    """Say nothing."""


@pytest.fixture
def weights(planned, stripes, tmp_path):
    """The weights of a network with another seed, as a file."""
    made = planned(stripes, "seed=99")
    path = tmp_path / "start.safetensors"
    save_file(made.plan.network().state_dict(), path)
    return path


def begun(planned, stripes, tmp_path, *sets):
    made = planned(stripes, *HARMLESS, *sets)
    run = Run.create(tmp_path / "run")
    run.write_recipe(made.recipe)
    run.write("plan.json", made.plan.record())
    return run, made


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_without_a_checkpoint_starts_from_the_pretrained_weights_also_when_it_is_resumed(resume, planned, stripes, weights, tmp_path):
    run, made = begun(planned, stripes, tmp_path, f"model.pretrained={weights}")
    learned = learn(run, made.plan, made.manifest, device=CPU, resume=resume, say=quiet, events=False)
    wanted = planned(stripes, "seed=99").plan.network().state_dict()
    found = learned.predictor.members[0].state_dict()
    for name, value in wanted.items():
        if value.is_floating_point() and "running" not in name:
            assert torch.allclose(found[name], value, atol=1e-5), name
    assert json.loads((run.path / "pretrained.json").read_text())["matched"]


def test_a_run_with_a_checkpoint_does_not_read_the_pretrained_weights_again(planned, stripes, weights, tmp_path):
    run, made = begun(planned, stripes, tmp_path, f"model.pretrained={weights}")
    learn(run, made.plan, made.manifest, device=CPU, say=quiet, events=False)
    weights.unlink()
    learn(run, made.plan, made.manifest, device=CPU, resume=True, say=quiet, events=False)


@pytest.mark.parametrize(("axes", "threads"), [(0, 1), (2, 3)])
def test_tables_train_on_one_thread_and_the_number_is_restored(axes, threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with pytest.raises(KeyError), learning.threads_for(axes):
            assert torch.get_num_threads() == threads
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_table_is_trained_on_one_thread(planned, rows, tmp_path, monkeypatch):
    seen = []
    fit = learning.fit
    monkeypatch.setattr(learning, "fit", lambda *a, **k: (seen.append(torch.get_num_threads()), fit(*a, **k))[1])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        made = planned(rows, "model.name=mlp", "train.epochs=1", base=())
        learn(Run.create(tmp_path / "run"), made.plan, made.manifest, device=CPU, say=quiet, events=False)
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_the_model_of_a_run_answers_as_the_one_that_was_trained(planned, stripes, tmp_path):
    run, made = begun(planned, stripes, tmp_path)
    learned = learn(run, made.plan, made.manifest, device=CPU, say=quiet, events=False)
    cases = [(c.id, image_of(c, made.manifest)) for c in made.manifest.split("test")]
    opened = predictor_of(Run.open(run.path), device=CPU)
    for one, other in zip(learned.predictor.answer(cases), opened.answer(cases), strict=True):
        # another memory layout of the same weights
        assert np.allclose(one.scores, other.scores, atol=1e-6)
        assert one.raw is not None
        assert one.abstained == other.abstained


@pytest.mark.parametrize("rule", ["sensitivity", "specificity", "youden", "argmax"])
def test_the_operating_point_is_put_by_the_rule_that_was_asked_for(rule, planned, stripes):
    sets = ("labels.positive=standing", f"evaluate.rule={rule}", "evaluate.sensitivity=0.8", "evaluate.specificity=0.7")
    plan = planned(stripes, *sets).plan
    again = Plan.from_record(json.loads(json.dumps(plan.record())))
    assert (again.rule, again.sensitivity, again.specificity) == (rule, 0.8, 0.7)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    p = 1 / (1 + np.exp(-rng.normal(2.0 * truth - 1, 1.0)))
    rows = [SimpleNamespace(scores=np.array([1 - a, a]), truth=b) for a, b in zip(p, truth, strict=True)]
    _, operating = learning.fitted_on(rows, plan)
    assert (operating.rule, operating.wanted) == (rule, {"sensitivity": 0.8, "specificity": 0.7}.get(rule))
    if operating.wanted is not None:
        assert getattr(operating.thresholds[0], rule) == pytest.approx(operating.wanted, abs=0.03)


def test_a_run_without_a_finished_training_says_how_to_finish_it(planned, stripes, tmp_path):
    run, _ = begun(planned, stripes, tmp_path)
    with pytest.raises(UsageError, match="--resume"):
        predictor_of(run, device=CPU)


def test_a_run_that_was_stopped_does_not_answer_as_a_finished_one(planned, stripes, tmp_path, monkeypatch):
    run, made = begun(planned, stripes, tmp_path)
    step, done = Learner.step, []

    def stopped(learner, *args, **options):
        done.append(learner)
        if len(done) > 1 and (run.checkpoints / "best").is_dir():
            raise KeyboardInterrupt
        return step(learner, *args, **options)

    plan = replace(made.plan, train=replace(made.plan.train, epochs=3, checkpoint=Every(least_s=0)))
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", stopped)
        with pytest.raises(Interrupted):
            learn(run, plan, made.manifest, device=CPU, say=quiet, events=False)
    run.write("plan.json", plan.record())
    with pytest.raises(UsageError, match="stopped before its end"):
        predictor_of(run, device=CPU)
    learn(run, plan, made.manifest, device=CPU, resume=True, say=quiet, events=False)
    assert predictor_of(run, device=CPU).calibration is not None


def test_without_validation_cases_the_last_weights_are_kept(planned, stripes, tmp_path):
    said = []
    made = planned(stripes, *HARMLESS)
    everyone = made.manifest.with_cases(replace(c, split="train") for c in made.manifest.cases)
    run = Run.create(tmp_path / "run")
    learned = learn(run, made.plan, everyone, device=CPU, say=said.append, events=False)
    assert any("no validation case" in line for line in said)
    assert learned.predictor.calibration is None
    assert not run.has("calibration.json")
    assert checkpoint.find(run.checkpoints / "best") is not None


def test_a_device_that_is_not_there_is_refused():
    assert device_of("cpu") == CPU
    for name in ("gpu", "cuda:99", "cpu:x"):
        with pytest.raises(UsageError):
            device_of(name)


@pytest.mark.parametrize(("name", "meant"), [("gpu", "cuda"), ("gpu:1", "cuda"), ("cdua", "cuda"), ("cpuu", "cpu")])
def test_a_device_that_is_none_is_answered_with_the_one_that_was_meant(name, meant):
    with pytest.raises(UsageError, match=f"did you mean {meant}"):
        device_of(name)
