"""A sweep is planned before anything starts, and chooses on validation alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from sagittal.engine.checks import check_settings
from sagittal.engine.config import load_recipe, with_settings
from sagittal.engine.sweep import Asked, Room, check_asked, check_same, corners, grid_of, points, search_of
from sagittal.engine.trials import Training, Trial, alike, best_training, doubt, ranked, record, rows, t_interval, table
from sagittal.errors import UsageError

GASTRIC = ("train.lr=1e-3,1e-4,1e-5", "train.l2=1e-2,1e-6", "train.batch=2,4,8")


def asked(*grid: str, search: tuple[str, ...] = (), **more) -> Asked:
    return Asked(data="d", recipe={}, grid=grid_of(grid), search=search_of(search), **more)


def trial(number: int, *values: float | None, state: str = "done") -> Trial:
    each = (Training(name=f"{number}-{s}", seed=s, state="done" if v is not None else state, value=v) for s, v in enumerate(values))
    return Trial(number=number, settings={"train.lr": number}, trainings=tuple(each))


def test_the_grid_of_the_gastric_system_has_its_eighteen_trials():
    recipe, found = load_recipe("gastric_fcn8s"), points(grid_of(GASTRIC))
    assert len(found) == 18
    assert found[0] == {"train.lr": 0.001, "train.l2": 0.01, "train.batch": 2}
    assert found[1]["train.batch"] == 4
    check_asked(asked(*GASTRIC), recipe)
    set_up = [with_settings(recipe, point).train for point in found]
    assert {(t["lr"], t["weight_decay"], t["batch"]) for t in set_up} == {(p["train.lr"], p["train.l2"], p["train.batch"]) for p in found}
    assert all("l2" not in t for t in set_up)
    # L2 is on what is not VGG, as published
    assert recipe.model.options()["decay"] == "up"
    assert load_recipe("gastric_fcn8s").train == {**set_up[0], "lr": 1e-4, "weight_decay": 0.01, "batch": 2}


def test_values_are_read_as_numbers_words_lists_and_nothing():
    assert grid_of(["a=1e-3,2,x,[1, 2],null,true"])["a"] == (0.001, 2, "x", [1, 2], None, True)
    assert grid_of({"a": [1, 2]}) == {"a": (1, 2)}
    assert search_of({"train.lr": "1e-5 .. 0.1 :log".replace(" ", "")}) == {"train.lr": Room(low=1e-5, high=0.1, log=True)}
    assert search_of(["train.momentum=0..0.9"])["train.momentum"].whole is False


@pytest.mark.parametrize(
    ("grid", "search", "said"),
    [
        (["train.lrr=1"], [], "did you mean lr"),
        (["trian.lr=1"], [], "did you mean train"),
        (["model.depht=1"], [], "did you mean depth"),
        (["train.lr=0.1", "train.batch=0,2"], [], "train.batch"),
        (["train.lr=0.1,-1"], [], "train.lr"),
        (["split.val=0.1,0.2"], [], "split once"),
        (["data.group=a"], [], "split once"),
        (["seed=1,2"], [], "--seeds"),
        ([], [], "no setting is named"),
        ([], ["train.lr=1e-3..1"], "--trials"),
        (["train.lr=0.1,0.2"], ["train.lr=0.1..0.2"], "in the search"),
        (["loss.name=dice,dice_ce"], [], "do not compare"),
        (["train.l2=0.1,0.2", "train.weight_decay=0.1"], [], "another name"),
        (["train.class_weights=true,false"], [], "do not compare"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_starts(grid, search, said):
    with pytest.raises(UsageError, match=said):
        check_asked(asked(*grid, search=tuple(search)), load_recipe("auto"))


@pytest.mark.parametrize(
    ("grid", "said"),
    [("train.lr", "not key=values"), ("train.lr=", "not key=values"), ("train.lr=1,1.0,1", "twice"), ("a=[1", "no list")],
)
def test_a_grid_that_says_nothing_is_refused(grid, said):
    with pytest.raises(UsageError, match=said):
        grid_of([grid])


@pytest.mark.parametrize("search", ["a=1", "a=2..1", "a=0..1:log", "a=x..y", "a=1..2:lin"])
def test_a_range_that_cannot_be_drawn_from_is_refused(search):
    with pytest.raises(UsageError, match="SEARCH a"):
        search_of([search])


def test_both_ends_of_a_search_are_checked():
    tried = asked("model.name=mlp", search=("train.batch=2..16",), trials=5)
    assert corners(tried) == [{"model.name": "mlp", "train.batch": 2}, {"model.name": "mlp", "train.batch": 16}]
    with pytest.raises(UsageError, match="momentum"):
        check_asked(asked(search=("train.momentum=0.5..2.0",), trials=5), load_recipe("auto"))


def test_folds_are_refused_with_the_remedy():
    with pytest.raises(UsageError, match=r"split\.folds=null"):
        check_asked(asked("train.lr=0.1,0.2"), load_recipe("auto", ["split.folds=5"]))
    check_settings(load_recipe("auto", ["split.folds=null"]))


def test_the_same_command_goes_on_and_another_one_is_refused():
    before = asked("train.lr=0.1,0.2").record()
    check_same(before, json.loads(json.dumps(before)))
    with pytest.raises(UsageError, match="grid differ"):
        check_same(before, asked("train.lr=0.1").record())
    search = ("train.lr=0.1..0.2",)
    check_same(asked(search=search, trials=3).record(), asked(search=search, trials=5).record())
    with pytest.raises(UsageError, match="trials differ"):
        check_same(asked(search=search, trials=5).record(), asked(search=search, trials=3).record())


def test_the_interval_is_that_of_student():
    values = [0.81, 0.84, 0.79, 0.9]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert t_interval(values) == pytest.approx((low, high), rel=1e-12)
    assert t_interval([0.8]) is None
    assert t_interval([0.8, 0.8]) == (0.8, 0.8)


def test_the_best_mean_is_chosen_in_the_direction_of_the_score():
    trials = [trial(0, 0.5, 0.6), trial(1, 0.3, 0.9), trial(2, 0.7, 0.4)]
    assert [t.number for t in ranked(trials, lower=False)] == [1, 0, 2]
    assert [t.number for t in ranked(trials, lower=True)] == [0, 2, 1]
    assert best_training(trials[1], lower=False).seed == 1
    assert best_training(trials[1], lower=True).seed == 0


@pytest.mark.parametrize("state", ["failed", "died", "open"])
def test_a_trial_with_a_seed_that_did_not_end_well_is_no_choice(state):
    trials = [trial(0, 0.99, None, state=state), trial(1, 0.6, 0.5)]
    assert [t.number for t in ranked(trials, lower=False)] == [1]
    assert trials[0].state == state
    assert record(trials[0])["n"] == 1
    assert ranked([trials[0]], lower=False) == []


def test_trials_whose_intervals_meet_are_said_to():
    best, near, far = trial(0, 0.9, 0.91, 0.92), trial(1, 0.89, 0.9, 0.91), trial(2, 0.1, 0.11, 0.12)
    assert alike([best, near, far], best) == [near]
    assert alike([trial(0, 0.9), trial(1, 0.9)], trial(0, 0.9)) == []


def test_how_far_luck_may_have_made_the_order_is_said_in_a_sentence():
    best, near, far = trial(0, 0.9, 0.91, 0.92), trial(1, 0.89, 0.9, 0.91), trial(2, 0.1, 0.11, 0.12)
    assert doubt([best, far], best) == "no other trial's interval meets its own"
    assert doubt([best, near, far], best).startswith("the interval of 1 other trial meets its own")
    assert doubt([best, near, trial(3, 0.89, 0.9, 0.91)], best).startswith("the intervals of 2 other trials meet its own")
    assert doubt([trial(0, 0.9), far], trial(0, 0.9)).startswith("one seed has no interval")


def test_the_table_has_a_row_a_trial_and_the_best_stands_first_for_people():
    trials = [trial(0, 0.5), trial(1, 0.9), trial(2, None, state="failed")]
    found = rows(trials, ["train.lr"], "accuracy")
    assert [(r["trial"], r["n"], r["val_accuracy"], r["low"]) for r in found] == [(0, 1, 0.5, None), (1, 1, 0.9, None), (2, 0, None, None)]
    lines = table(trials, ["train.lr"], "accuracy", lower=False)
    assert [line.split()[0] for line in lines] == ["trial", "1", "0", "2"]
    assert "failed" in lines[-1]
