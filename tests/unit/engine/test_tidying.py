"""Tidying is switched on where validation says that it helps, and nowhere else."""

import json

import numpy as np
import pytest

from sagittal.core import Geometry, Labels
from sagittal.engine.postprocess import Postprocessing, Step
from sagittal.engine.tidying import LEAST_PATIENTS, fit_postprocessing, seen
from sagittal.metrics.dice import dice

LABELS = Labels(classes=("ground", "organ", "lesion"), background="ground")
GRID = Geometry(shape=(24, 24, 8), affine=np.diag([1.0, 2.0, 3.0, 1.0]), unit="mm")


def case(rng, *, specks=0, hole=False, lesions=0):
    """An organ with some error at its border; specks and holes that only the answer has; true small lesions."""
    truth = np.zeros(GRID.shape, np.int16)
    truth[4:14, 4:14, 1:7] = 1
    for _ in range(lesions):
        x, y = rng.integers(16, 23, 2)
        truth[x : x + 2, y : y + 1, 2] = 2
    answer = truth.copy()
    answer[4 + int(rng.integers(0, 3)) : 6, 4:14, 1:7] = 0
    for _ in range(specks):
        answer[int(rng.integers(16, 23)), int(rng.integers(0, 24)), int(rng.integers(0, 8))] = 1
    if hole:
        answer[8:10, 8:10, 3:5] = 0
    return truth, answer


def fitted(cases, owners=None, labels=LABELS):
    owners = owners or [f"p{i}" for i in range(len(cases))]
    return fit_postprocessing([seen(t, a, GRID, labels, o) for (t, a), o in zip(cases, owners, strict=True)], labels, seed=0)


def cases_of(n, **kind):
    rng = np.random.default_rng(0)
    return [case(rng, **kind) for _ in range(n)]


def by_step(steps):
    return {(s.name, s.label) for s in steps}


def test_what_helps_is_switched_on_and_makes_dice_better_by_what_was_said():
    cases = cases_of(20, specks=12, hole=True, lesions=3)
    found = fitted(cases)
    assert {("fill_holes", "organ")} <= by_step(found.steps) and len(found.steps) == 2 and found.n == 20
    assert found.steps[0].name == "fill_holes", "before pieces are removed"
    assert all(s.low > 0 and s.gain > s.low and s.label == "organ" and "20 patients" in s.why for s in found.steps)

    def mean(tidy):
        rows = [dice().measure(t, tidy(a), GRID, LABELS) for t, a in cases]
        return {name: np.mean([r[name] for r in rows if not isinstance(r[name], str)]) for name in ("organ", "lesion")}

    before, after = mean(lambda a: a), mean(lambda a: found.apply(a, GRID, LABELS))
    assert after["organ"] - before["organ"] == pytest.approx(sum(s.gain for s in found.steps))
    assert after["lesion"] == before["lesion"]


def test_the_best_of_several_removals_is_taken():
    rng = np.random.default_rng(1)
    cases = []
    for _ in range(20):
        truth, answer = case(rng, specks=20)
        truth[18:22, 18:22], answer[18:22, 18:22] = 1, 1  # a second true part: the largest component alone would lose it
        cases.append((truth, answer))
    (step,) = fitted(cases).steps
    assert step.name == "minimum_size" and step.volume > 6, "a speck has 6 cubic millimetres"


def test_what_does_not_help_is_left_off_with_the_reason():
    found = fitted(cases_of(20, lesions=4))
    assert not found.steps and len(found.left) == 4
    told = {(s.name, s.label): s.why for s in found.left}
    assert told["fill_holes", "organ"] == "left off: it changes no validation case"
    answer = np.array(found.apply(np.ones(GRID.shape, np.int16), GRID, LABELS))
    assert answer.all()


def test_a_gain_that_may_be_chance_is_left_off():
    cases = cases_of(20)
    worse, better = cases_of(1, specks=30)[0], cases_of(1, specks=30)[0]
    truth = worse[0].copy()
    truth[worse[1] == 1] = 1  # here the specks are true
    found = fitted([*cases[:17], (truth, worse[1]), better, better])
    (told,) = [s for s in found.left if s.gain]
    assert not found.steps and told.gain > 0 > told.low and "left off: Dice +" in told.why


def test_a_few_patients_cannot_tell():
    helpful = cases_of(40, specks=12)
    few = fitted(helpful, [f"p{i % (LEAST_PATIENTS - 1)}" for i in range(40)])
    assert not few.steps and f"{LEAST_PATIENTS} are needed" in few.left[0].why, "however many cases they have"
    assert fitted(helpful, [f"p{i % LEAST_PATIENTS}" for i in range(40)]).steps


def test_the_interval_grows_with_what_was_tried():
    from sagittal.engine.tidying import _interval

    changes = np.random.default_rng(0).normal(0.01, 0.02, (20, 1))
    one, six = (_interval(changes, np.arange(20), tried, 0) for tried in (1, 6))
    assert six[0, 0] < one[0, 0] < one[1, 0] < six[1, 0]


def test_samples_of_which_nothing_is_known_count_in_no_decision():
    cases = [(np.where((a == 1) & (t == 0), -1, t), a) for t, a in cases_of(20, specks=12)]
    found = fitted(cases)
    assert not found.steps, "whether the specks are false is not known"


def test_labels_without_a_background_cannot_be_tidied():
    plain = Labels(classes=("a", "b"))
    with pytest.raises(ValueError, match="background"):
        fitted(cases_of(10), labels=plain)


def test_a_class_that_no_validation_case_has():
    found = fitted(cases_of(10))
    assert {s.why for s in found.left if s.label == "lesion"} == {
        f"left off: 0 of the patients of validation have the class, and {LEAST_PATIENTS} are needed to tell"
    }


def test_the_record_is_read_back():
    found = fitted(cases_of(20, specks=12, hole=True))
    assert Postprocessing.from_record(json.loads(json.dumps(found.record()))) == found
    assert any("holes are filled" in line for line in found.sentences)
    for wrong in ({}, {"steps": [{"name": "shave", "label": "organ"}], "left": [], "n": 1, "background": "ground"}, {"steps": 3}):
        with pytest.raises(ValueError, match="tid"):
            Postprocessing.from_record(wrong)


@pytest.mark.parametrize("volume", [None, 0.0, -1.0, float("nan")])
def test_a_minimum_size_has_a_volume(volume):
    with pytest.raises(ValueError, match="volume"):
        Step(name="minimum_size", label="organ", volume=volume)
    with pytest.raises(ValueError, match="volume"):
        Step(name="fill_holes", label="organ", volume=1.0)
