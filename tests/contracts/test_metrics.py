"""What every metric on the shelf promises."""

import numpy as np
import pytest

from sagittal.errors import NumericFailure, UsageError
from sagittal.metrics._case import makes_case_metric
from sagittal.metrics._examples import answers_of
from sagittal.shelf import Shelf
from sagittal.testing import check_metric, example_answers

SHELF = Shelf("sagittal.metrics", kind="metric")


def _fits(name, answers):
    try:
        SHELF.get(name)(answers)
    except UsageError:
        return False
    return True


SET = [name for name in SHELF.names() if not makes_case_metric(SHELF.get(name))]
CASE = [name for name in SHELF.names() if makes_case_metric(SHELF.get(name))]


@pytest.mark.parametrize("name", SET)
def test_a_metric_keeps_the_contract(name):
    check_metric(SHELF.get(name))
    assert {s.metric for s in SHELF.get(name)(next(a for a in example_answers() if _fits(name, a)))} == {name}


@pytest.mark.parametrize("name", CASE)
def test_a_metric_of_masks_keeps_the_contract(name):
    assert SHELF.get(name)().name == name
    check_metric(SHELF.get(name))


def test_the_metrics_of_the_issue_are_on_the_shelf():
    wanted = "accuracy top_k balanced_accuracy sensitivity specificity ppv npv f1 mcc kappa auc average_precision brier log_loss ece"
    assert set(wanted.split()) | {"mae", "rmse", "r2", "bias", "detection_ap", "detection_f1"} <= set(SET)
    overlaps = "dice iou voxel_sensitivity voxel_specificity voxel_precision voxel_auc"
    overlaps += " volume_difference relative_volume_difference lesion_f1"
    overlaps += " object_f1 object_dice object_hausdorff"
    assert set(overlaps.split()) | {"hd", "hd95", "assd", "nsd"} == set(CASE)


def test_nan_never_reaches_a_metric():
    with pytest.raises(NumericFailure):
        answers_of([0], [[np.nan, 0.5, 0.5]])
