"""Scores of masks against slow twins and published truths."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter
from sklearn.metrics import f1_score

from sagittal.core import Geometry, Labels
from sagittal.metrics._case import ABSENT, ADDED, MISSED
from sagittal.metrics._summary import summarise
from sagittal.metrics.dice import dice
from sagittal.metrics.hausdorff95 import hausdorff95
from sagittal.metrics.iou import iou
from sagittal.metrics.surface_distance import surface_distance
from sagittal.metrics.volume_difference import volume_difference

LABELS = Labels(classes=("ground", "a", "b"), background="ground")


def measure(metric, truth, answer, labels=LABELS, geometry=None):
    truth, answer = np.asarray(truth), np.asarray(answer)
    return metric.measure(truth, answer, geometry or Geometry(shape=truth.shape, affine=np.eye(truth.ndim + 1)), labels)


@pytest.mark.parametrize("seed", range(3))
def test_dice_is_f1_of_the_samples(seed):
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(-1, 3, (9, 8, 7)), rng.integers(0, 3, (9, 8, 7))
    known = truth != -1
    found = measure(dice, truth, answer)
    wanted = f1_score(truth[known], answer[known], average=None)
    assert list(found) == ["a", "b"]
    assert [found["a"], found["b"]] == pytest.approx(wanted[1:])


def test_a_perfect_answer_without_a_class_is_not_half_right():
    truth = np.array([[0, 1], [1, 0]])
    assert measure(dice, truth, truth) == {"a": 1.0, "b": ABSENT}


def test_dice_of_a_missed_and_of_an_added_class():
    assert measure(dice, [[0, 1]], [[0, 2]]) == {"a": 0.0, "b": ADDED}


def test_masks_on_two_grids_or_with_strange_numbers_are_refused():
    with pytest.raises(ValueError, match="one grid"):
        measure(dice, np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="class index"):
        measure(dice, [[3]], [[0]])


@pytest.mark.parametrize("seed", range(3))
def test_iou_follows_from_dice_and_volume_from_counts(seed):
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(0, 3, (9, 8)), rng.integers(0, 3, (9, 8))
    d, i, v = (measure(m, truth, answer) for m in (dice, iou, volume_difference))
    for k, name in enumerate(("a", "b"), start=1):
        assert i[name] == pytest.approx(d[name] / (2 - d[name]))
        assert v[name] == pytest.approx(abs((answer == k).sum() - (truth == k).sum()) / (truth == k).sum())


def by_transform(truth, answer, spacing):
    """Distances from each border sample to the other border by scipy's distance transform."""
    border = lambda m: m & ~binary_erosion(m)  # noqa: E731
    to = lambda m: distance_transform_edt(~border(m), sampling=spacing)  # noqa: E731
    return to(answer)[border(truth)], to(truth)[border(answer)]


@pytest.mark.parametrize("spacing", [(1.0, 1, 1), (3.0, 0.7, 0.5)])
def test_surface_distances_against_the_distance_transform(spacing):
    rng = np.random.default_rng(0)
    blob = gaussian_filter(rng.normal(size=(14, 30, 28)), 3)
    truth, answer = blob > 0.01, gaussian_filter(rng.normal(size=blob.shape), 3) * 0.5 + blob > 0.012
    there, back = by_transform(truth, answer, spacing)
    grid = Geometry(shape=truth.shape, affine=np.diag([*spacing, 1]), unit="mm")
    found = measure(surface_distance, truth.astype(int), answer.astype(int), geometry=grid)
    assert found["a"] == pytest.approx(np.concatenate([there, back]).mean()) and found["b"] == ABSENT
    found = measure(hausdorff95, truth.astype(int), answer.astype(int), geometry=grid)
    assert found["a"] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))


def test_two_samples_two_apart_are_two_spacings_apart():
    truth, answer = np.zeros((9, 9), int), np.zeros((9, 9), int)
    truth[4, 2], answer[4, 4] = 1, 1
    for spacing, wanted in [((2.0, 1.0), 2.0), ((1.0, 2.0), 4.0)]:
        grid = Geometry(shape=(9, 9), affine=np.diag([*spacing, 1]), unit="mm")
        assert measure(surface_distance, truth, answer, geometry=grid)["a"] == wanted
        assert measure(hausdorff95, truth, answer, geometry=grid)["a"] == wanted


def test_a_slanted_grid_is_measured_in_the_world():
    truth, answer = np.zeros((6, 6), int), np.zeros((6, 6), int)
    truth[1, 1], answer[2, 1] = 1, 1
    grid = Geometry(shape=(6, 6), affine=np.array([[3.0, 0, 0], [4, 1, 0], [0, 0, 1]]), unit="mm")
    assert measure(surface_distance, truth, answer, geometry=grid)["a"] == pytest.approx(5.0)


def test_surfaces_of_missed_added_and_absent_structures():
    empty, one = np.zeros((4, 4), int), np.eye(4, dtype=int)
    for metric in (surface_distance, hausdorff95):
        assert measure(metric, one, empty)["a"] == MISSED
        assert measure(metric, empty, one)["a"] == ADDED
        assert measure(metric, empty, empty)["a"] == ABSENT
        assert measure(metric, one, one)["a"] == 0.0
    unknown = np.where(np.eye(4) > 0, -1, 0)
    assert measure(surface_distance, unknown, one)["a"] == ABSENT


def test_a_mask_that_fills_the_grid_has_a_surface():
    full = np.ones((3, 3), int)
    assert measure(surface_distance, full, full)["a"] == 0.0


def summary(metric, values, groups=None, **options):
    return {s.label: s for s in summarise(metric, values, groups or [""] * len(values), np.random.default_rng(0), **options)}


def test_the_mean_of_cases_leaves_out_cases_without_the_class():
    found = summary(dice, [{"a": 0.8, "b": 0.5}, {"a": 0.6, "b": ABSENT}, {"a": ADDED, "b": 0.7}, {"a": 0.0, "b": 0.3}])
    assert found["a"].value == pytest.approx(1.4 / 3) and found["a"].n == 3 and "1 cases without it" in found["a"].convention
    assert found["b"].value == pytest.approx(0.5) and found[""].value == pytest.approx((1.4 / 3 + 0.5) / 2)
    assert found["a"].low < found["a"].value < found["a"].high and found[""].n == 4


def test_a_class_in_no_case_is_undefined_with_its_reason_and_not_averaged():
    found = summary(dice, [{"a": 0.8, "b": ABSENT}, {"a": 0.6, "b": ABSENT}])
    assert found["b"].undefined == f"{ABSENT}, in all cases" and found["b"].n == 0
    assert found[""].value == pytest.approx(0.7) and "absent from the truth: b" in found[""].convention


def test_a_distance_does_not_get_better_by_missing():
    all_found = summary(surface_distance, [{"a": v} for v in (1.0, 2, 3, 4, 90)])["a"]
    worst_missed = summary(surface_distance, [{"a": v} for v in (1.0, 2, 3, 4, MISSED)])["a"]
    assert all_found.value == 3.0 == worst_missed.value and "1 missed" in worst_missed.convention
    assert worst_missed.n == 5 and worst_missed.high is None and "endless" in worst_missed.method
    most_missed = summary(surface_distance, [{"a": v} for v in (1.0, 2, MISSED, MISSED, MISSED)])["a"]
    assert most_missed.undefined == "missed in 3 of 5 cases"
    both = summary(surface_distance, [{"a": 1.0, "b": MISSED}, {"a": 2.0, "b": MISSED}])
    assert both[""].undefined == "undefined for b: missed in 2 of 2 cases"


def test_the_median_is_numpys():
    for n in (1, 2, 5, 8):
        values = np.random.default_rng(n).random(n)
        assert summary(surface_distance, [{"a": v} for v in values])["a"].value == pytest.approx(np.median(values))


def test_summaries_draw_patients_not_cases():
    rng = np.random.default_rng(2)
    rows = [{"a": v} for v in np.repeat(rng.random(8), 20)]
    alone = summary(dice, rows)["a"]
    grouped = summary(dice, rows, [f"p{i // 20}" for i in range(160)])["a"]
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low) and "8 groups" in grouped.method


def test_the_unit_of_distances_is_that_of_the_grid():
    assert summary(surface_distance, [{"a": 1.0}, {"a": 2.0}], length="um")["a"].unit == "um"
    assert summary(surface_distance, [{"a": 1.0}])["a"].unit == "mm" and summary(dice, [{"a": 1.0}])["a"].unit == "1"


def test_no_case_has_no_summary():
    assert summarise(dice, [], [], np.random.default_rng(0)) == []
    with pytest.raises(ValueError, match="1 rows and 0 groups"):
        summarise(dice, [{}], [], np.random.default_rng(0))
