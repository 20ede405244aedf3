"""Overlaps and volumes of masks against slow twins, and what becomes of cases without a class."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from sagittal.core import Geometry, Labels
from sagittal.errors import UsageError
from sagittal.metrics._case import ABSENT, ADDED, MISSED, CaseMetric, units_of
from sagittal.metrics._masks import Masks
from sagittal.metrics._summary import summarise
from sagittal.metrics.assd import assd
from sagittal.metrics.dice import dice
from sagittal.metrics.iou import iou
from sagittal.metrics.lesion_f1 import lesion_f1
from sagittal.metrics.relative_volume_difference import relative_volume_difference
from sagittal.metrics.volume_difference import volume_difference
from sagittal.metrics.voxel_precision import voxel_precision
from sagittal.metrics.voxel_sensitivity import voxel_sensitivity
from sagittal.shelf import Shelf

LABELS = Labels(classes=("ground", "a", "b"), background="ground")


def measure(metric, truth, answer, labels=LABELS, geometry=None):
    truth, answer = np.asarray(truth), np.asarray(answer)
    metric = metric if isinstance(metric, CaseMetric) else metric()
    return metric.measure(truth, answer, geometry or Geometry(shape=truth.shape, affine=np.eye(truth.ndim + 1)), labels)


@pytest.mark.parametrize("seed", range(3))
def test_overlaps_are_scores_of_the_samples(seed):
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(-1, 3, (9, 8, 7)), rng.integers(0, 3, (9, 8, 7))
    known = truth != -1
    for metric, oracle in ((dice, f1_score), (voxel_sensitivity, recall_score), (voxel_precision, precision_score)):
        found = measure(metric, truth, answer)
        assert list(found) == ["a", "b"]
        assert [found["a"], found["b"]] == pytest.approx(oracle(truth[known], answer[known], average=None)[1:])


def test_a_perfect_answer_without_a_class_is_not_half_right():
    truth = np.array([[0, 1], [1, 0]])
    assert measure(dice, truth, truth) == {"a": 1.0, "b": ABSENT}


def test_dice_of_a_missed_and_of_an_added_class():
    for metric in (dice, iou, voxel_sensitivity, voxel_precision, lesion_f1):
        assert measure(metric, [[0, 1]], [[0, 2]]) == {"a": 0.0, "b": ADDED}
    assert measure(relative_volume_difference, [[0, 1]], [[0, 2]]) == {"a": 1.0, "b": ADDED}


def test_masks_on_two_grids_or_with_strange_numbers_are_refused():
    with pytest.raises(ValueError, match="differ"):
        measure(dice, np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="class index"):
        measure(dice, [[3]], [[0]])


@pytest.mark.parametrize("seed", range(3))
def test_iou_follows_from_dice_and_volume_from_counts(seed):
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(0, 3, (9, 8)), rng.integers(0, 3, (9, 8))
    d, i, v = (measure(m, truth, answer) for m in (dice, iou, relative_volume_difference))
    for k, name in enumerate(("a", "b"), start=1):
        assert i[name] == pytest.approx(d[name] / (2 - d[name]))
        assert v[name] == pytest.approx(abs((answer == k).sum() - (truth == k).sum()) / (truth == k).sum())


def test_a_volume_difference_is_in_millilitres_of_a_patient_and_in_pixels_of_a_picture():
    truth, answer = np.zeros((10, 10, 10), int), np.zeros((10, 10, 10), int)
    truth[:5], answer[:4] = 1, 1
    grid = Geometry(shape=truth.shape, affine=np.diag([2.0, -1, 3, 1]), unit="mm", frame="patient")
    assert measure(volume_difference, truth, answer, geometry=grid)["a"] == pytest.approx(100 * 6 / 1000)
    assert units_of(grid) == {"1": "1", "length": "mm", "volume": "ml"}
    picture = Geometry.picture((10, 10))
    assert measure(volume_difference, truth[:, 0], answer[:, 0], geometry=picture)["a"] == 10
    assert units_of(picture)["volume"] == "px²"
    found = summary(volume_difference, [{"a": 1.0}, {"a": 2.0}], units=units_of(picture))["a"]
    assert found.unit == "px²" and not found.higher_is_better


def test_lesions_are_found_missed_and_invented_one_by_one():
    truth, answer = np.zeros((3, 20), int), np.zeros((3, 20), int)
    for at in (0, 5, 10):
        truth[:, at : at + 3] = 1
    answer[0, 0], answer[:, 5:8], answer[:, 15:17] = 1, 1, 1
    assert measure(lesion_f1, truth, answer)["a"] == pytest.approx(2 * 2 / (3 + 2 + 1))
    assert measure(lesion_f1(overlap=0.5), truth, answer)["a"] == pytest.approx(2 * 1 / (3 + 1 + 1)), "a ninth is too little"
    answer[:, 0:8] = 1
    assert measure(lesion_f1, truth, answer)["a"] == pytest.approx(4 / 6), "one piece may find two lesions"
    cross = np.array([[1, 0], [0, 1]])
    assert measure(lesion_f1, cross, [[1, 0], [0, 0]])["a"] == 1.0
    assert measure(lesion_f1(connectivity="faces"), cross, [[1, 0], [0, 0]])["a"] == pytest.approx(2 / 3)
    with pytest.raises(UsageError, match="share"):
        lesion_f1(overlap=1.5)


def test_samples_of_which_nothing_is_known_count_nowhere():
    truth, answer = np.array([[1, 1, -1, 0]]), np.array([[1, 0, 1, 1]])
    assert measure(dice, truth, answer)["a"] == 0.5
    assert Masks(truth=truth, answer=answer, grid=Geometry.picture((1, 4)), labels=LABELS).pair(1)[1].tolist() == [
        [True, False, False, True]
    ]
    assert measure(lesion_f1, truth, answer)["a"] == pytest.approx(2 / 3)


def test_case_metrics_say_higher_or_lower_and_a_convention():
    shelf = Shelf("sagittal.metrics", kind="metric")
    lower = {"hd", "hd95", "assd", "volume_difference", "relative_volume_difference"}
    for name in (*lower, "dice", "iou", "nsd", "lesion_f1", "voxel_sensitivity", "voxel_precision"):
        made = shelf.make(name)
        assert made.higher_is_better == (name not in lower) and made.convention
    with pytest.raises(UsageError, match="no such option"):
        shelf.make("nsd", {"tolerence": 2})


def summary(metric, values, groups=None, **options):
    return {s.label: s for s in summarise(metric(), values, groups or [""] * len(values), np.random.default_rng(0), **options)}


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
    all_found = summary(assd, [{"a": v} for v in (1.0, 2, 3, 4, 90)])["a"]
    worst_missed = summary(assd, [{"a": v} for v in (1.0, 2, 3, 4, MISSED)])["a"]
    assert all_found.value == 3.0 == worst_missed.value and "1 missed" in worst_missed.convention
    assert worst_missed.n == 5 and worst_missed.high is None and "endless" in worst_missed.method
    most_missed = summary(assd, [{"a": v} for v in (1.0, 2, MISSED, MISSED, MISSED)])["a"]
    assert most_missed.undefined == "missed in 3 of 5 cases"
    both = summary(assd, [{"a": 1.0, "b": MISSED}, {"a": 2.0, "b": MISSED}])
    assert both[""].undefined == "undefined for b: missed in 2 of 2 cases"


def test_the_median_is_numpys():
    for n in (1, 2, 5, 8):
        values = np.random.default_rng(n).random(n)
        assert summary(assd, [{"a": v} for v in values])["a"].value == pytest.approx(np.median(values))


def test_summaries_draw_patients_not_cases():
    rng = np.random.default_rng(2)
    rows = [{"a": v} for v in np.repeat(rng.random(8), 20)]
    alone = summary(dice, rows)["a"]
    grouped = summary(dice, rows, [f"p{i // 20}" for i in range(160)])["a"]
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low) and "8 groups" in grouped.method


def test_the_unit_of_distances_is_that_of_the_grid():
    slide = {"1": "1", "length": "um", "volume": "um²"}
    assert summary(assd, [{"a": 1.0}, {"a": 2.0}], units=slide)["a"].unit == "um"
    assert summary(assd, [{"a": 1.0}])["a"].unit == "mm" and summary(dice, [{"a": 1.0}])["a"].unit == "1"


def test_no_case_has_no_summary():
    assert summarise(dice(), [], [], np.random.default_rng(0)) == []
    with pytest.raises(ValueError, match="1 rows and 0 groups"):
        summarise(dice(), [{}], [], np.random.default_rng(0))
