"""What is asked: encode, target, answer and finish belong together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core.annotation import IGNORE, ClassLabel, Value
from sagittal.core.boxes import Boxes
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.label_map import LabelMap
from sagittal.core.labels import Labels
from sagittal.core.polygons import Outline, Polygons
from sagittal.shelf import Shelf
from sagittal.tasks import detection as detecting
from sagittal.tasks.classification import classification
from sagittal.tasks.detection import MOST_PEAKS, detection, without_overlaps
from sagittal.tasks.multilabel import multilabel
from sagittal.tasks.regression import regression
from sagittal.tasks.segmentation import segmentation

LABELS = Labels(classes=("gland", "tumour"))
TISSUE = Labels(classes=("tissue", "gland", "tumour"), background="tissue")
PLACE = Geometry.picture((40, 48))


def boxes(corners, names, labels=LABELS) -> Boxes:
    return Boxes(corners=np.asarray(corners, float).reshape(len(names), -1 if len(names) else 4), names=tuple(names), labels=labels)


def from_target(target: np.ndarray, k: int) -> torch.Tensor:
    """The outputs of a network that is sure of its targets."""
    heat = np.clip(target[:k], 1e-4, 1 - 1e-4)
    return torch.from_numpy(np.concatenate([np.log(heat / (1 - heat)), target[k:]]))[None]


@st.composite
def apart(draw):
    """Boxes of two classes that do not touch one another, a cell of the grid each."""
    cells = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8, unique=True))
    corners, names = [], []
    for x, y in cells:
        low = (12 * x + draw(st.integers(0, 3)), 10 * y + draw(st.integers(0, 3)))
        corners.append([*low, low[0] + draw(st.integers(1, 8)), low[1] + draw(st.integers(1, 6))])
        names.append(draw(st.sampled_from(LABELS.classes)))
    return boxes(corners, names)


@settings(deadline=None)
@given(apart())
def test_a_network_that_puts_out_its_targets_finds_every_box(said):
    encoded = detection.encode(said, PLACE)
    target = detection.target(encoded, LABELS)
    assert target.shape == (detection.head(LABELS, 2).channels, 40, 48)
    scores = detection.activate(from_target(target, 2))[0].numpy()
    found = detection.finish(scores, LABELS, PLACE)
    wanted = detection.truth(said, PLACE)
    assert len(found) == len(wanted)
    assert (found[:, -1] > 0.99).all()

    def in_order(some):
        return some[np.lexsort(np.round(some, 3).T)]

    assert np.allclose(in_order(found[:, :-1]), in_order(wanted), atol=1e-3)


def test_boxes_of_a_window_lie_where_the_window_lies():
    from sagittal.core.window import Window

    said = boxes([[20, 10, 30, 16]], ["tumour"])
    window = PLACE.at(Window((8, 16), (16, 16)))
    target = detection.target(detection.encode(said, window), LABELS)
    found = detection.finish(detection.activate(from_target(target, 2))[0].numpy(), LABELS, window)
    assert found[0, :-1] == pytest.approx([20, 10, 30, 16, 1])


def test_boxes_are_found_in_volumes_with_spacing_too():
    place = Geometry(shape=(12, 10, 8), affine=np.diag([2.0, 3, -1, 1]), unit="mm", frame="patient")
    said = boxes([[5.0, 4.5, -4.5, 15, 16.5, -0.5]], ["gland"])
    target = detection.target(detection.encode(said, place), LABELS)
    assert target.shape == (2 + 6, 12, 10, 8)
    found = detection.finish(detection.activate(from_target(target, 2))[0].numpy(), LABELS, place)
    assert found[0, :-1] == pytest.approx([5, 4.5, -4.5, 15, 16.5, -0.5, 0])


def test_nothing_to_find_is_a_target_and_an_answer():
    said = boxes([], [])
    target = detection.target(detection.encode(said, PLACE), LABELS)
    assert not target.any()
    assert detection.finish(target, LABELS, PLACE).shape == (0, 6)
    assert detection.truth(said, PLACE).shape == (0, 5)
    mean, std = detection.units([target], LABELS)
    assert mean.tolist() == [detecting.FIRST_HEAT] * 2 + [1, 1, 0, 0]
    assert std.tolist() == [1] * 6


def test_the_units_of_detection_are_the_mean_and_spread_of_sizes():
    targets = [detection.target(detection.encode(boxes([[0, 0, w, 4]], ["gland"]), PLACE), LABELS) for w in (4, 8)]
    mean, std = detection.units(targets, LABELS)
    assert mean[2:4].tolist() == [4, 6], "rows, then columns"
    assert std[2:4].tolist() == [0, 2]


def test_a_network_that_has_learned_nothing_does_not_fill_the_memory_with_boxes():
    heat = np.random.default_rng(0).uniform(0.3, 1, (2, 200, 200)).astype(np.float32)
    scores = np.concatenate([heat, np.ones((4, 200, 200), np.float32)])
    found = detection.finish(scores, LABELS, Geometry.picture((200, 200)))
    assert 0 < len(found) <= MOST_PEAKS
    assert (np.diff(found[:, -1]) <= 0).all()


def iou(a, b) -> float:
    sides = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.clip(sides, 0, None))
    return float(common / (np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - common))


@given(st.integers(0, 10**6), st.integers(0, 30))
def test_suppression_leaves_no_two_boxes_of_a_class_that_overlap_by_more_than_half(seed, n):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 20, (n, 2))
    given_boxes = np.concatenate(
        [low, low + rng.uniform(3, 15, (n, 2)), rng.integers(0, 2, (n, 1)), -np.sort(-rng.random((n, 1)), axis=0)], axis=1
    )
    kept = without_overlaps(given_boxes, 2)
    rows = {tuple(r) for r in kept}
    for i, a in enumerate(kept):
        assert all(a[4] != b[4] or iou(a, b) <= 0.5 for b in kept[:i])
    for a in given_boxes:
        if tuple(a) not in rows:
            assert any(b[4] == a[4] and b[5] >= a[5] and iou(a, b) > 0.5 for b in kept), "what goes overlaps a better one that stays"
    if n:
        assert tuple(given_boxes[0]) in rows


def test_the_log_of_detection_says_how_hot_the_true_centres_are():
    target = torch.from_numpy(
        detection.target(detection.encode(boxes([[0, 0, 4, 4], [20, 20, 30, 30]], ["gland", "tumour"]), PLACE), LABELS)
    )[None]
    total, n = detection.quick(torch.zeros_like(target), target)["centre_heat"]
    assert (total, n) == (1.0, 2)


def test_segmentation_answers_the_most_probable_class_and_its_log_leaves_unknown_samples_out():
    mask = np.array([[0, 1, 2], [2, IGNORE, 0]])
    said = LabelMap(image=Image.of(mask[None], Geometry.picture((2, 3))), labels=TISSUE)
    encoded = segmentation.encode(said, Geometry.picture((2, 3)))
    assert encoded.tolist() == mask.tolist()
    scores = np.moveaxis(np.eye(3, dtype=np.float32)[np.maximum(mask, 0)], -1, 0)
    assert segmentation.finish(scores, TISSUE, PLACE).tolist() == [[0, 1, 2], [2, 0, 0]]
    scores[:, 1, 1] = (0, 0, 1)
    outputs = torch.from_numpy(scores)[None] * 9
    assert segmentation.quick(outputs, torch.from_numpy(mask)[None]) == {"dice": (6, 6), "dice:1": (2, 2), "dice:2": (4, 4)}
    wrong = torch.roll(outputs, 1, dims=1)[:, [1, 0, 2]]
    assert segmentation.quick(wrong, torch.from_numpy(mask)[None])["dice:2"] == (0, 3), "each class stands for itself"
    empty = torch.zeros((1, 2, 3), dtype=torch.long)
    nothing = -outputs * 0 + torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    assert segmentation.quick(nothing, empty)["dice"] == (0, 0), "nothing to find is not scored"
    both = torch.cat([outputs, nothing]), torch.cat([torch.from_numpy(mask)[None], empty])
    assert segmentation.quick(*both)["dice"] == (6, 6)
    both[0][1, 1, 0, 0] = 99
    assert segmentation.quick(*both)["dice"] == (6, 7), "one false sample in an empty window is one sample, not a window"


def test_classification_multilabel_and_regression_ask_the_same_annotation_their_own_way():
    said = ClassLabel(names=("tumour",), labels=LABELS)
    assert classification.encode(said, PLACE) == 1
    assert multilabel.encode(said, PLACE).tolist() == [0.0, 1.0]
    assert multilabel.truth(said, PLACE).tolist() == [False, True]
    assert classification.finish(np.array([0.2, 0.8], np.float32), LABELS, PLACE) == 1
    assert multilabel.finish(np.array([0.5, 0.49], np.float32), LABELS, PLACE).tolist() == [True, False]
    value = Value(values=(2.5,), labels=Labels(classes=("age",), unit="a"))
    assert regression.encode(value, PLACE).tolist() == [2.5]
    square = Outline(rings=(np.array([[0.0, 0], [9, 0], [9, 9], [0, 9]]),), name="tumour")
    drawn = Polygons(outlines=(square,), labels=TISSUE)
    assert classification.encode(drawn, PLACE) == 2
    assert multilabel.encode(drawn, PLACE).tolist() == [1.0, 0.0, 1.0]


def test_quick_scores_are_sums_with_their_number():
    logits = torch.tensor([[2.0, 0], [0, 2], [2, 0]])
    assert classification.quick(logits, torch.tensor([0, 1, 1])) == {"accuracy": (2.0, 3)}
    soft = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    assert classification.quick(logits, soft) == {"accuracy": (2.0, 3)}
    assert multilabel.quick(logits - 1, torch.tensor([[1.0, 0], [1, 1], [1, 0]]))["accuracy"] == (2.5, 3)
    assert regression.quick(logits, torch.zeros(3, 2))["mae"] == (3.0, 3)


def test_the_units_of_values_leave_unknown_ones_out():
    mean, std = regression.units([np.array([1.0, np.nan]), np.array([3.0, 5.0])], LABELS)
    assert mean.tolist() == [2, 5]
    assert std.tolist() == [1, 0]


@pytest.mark.parametrize("name", Shelf("sagittal.tasks", kind="task").names())
def test_activations_are_what_may_be_averaged_over_windows(name):
    task = Shelf("sagittal.tasks", kind="task").get(name)
    head = task.head(TISSUE, 2)
    outputs = torch.randn(2, head.channels, *((8, 8) if head.dense else ()), generator=torch.Generator().manual_seed(0)).half() * 20
    scores = task.activate(outputs)
    assert scores.dtype == torch.float32
    assert scores.shape == outputs.shape
    if task.exclusive:
        assert torch.allclose(scores.sum(dim=1), torch.ones_like(scores[:, 0]), atol=1e-5)
    attended = task.attend(outputs.float(), 1)
    assert attended.shape == (2,)
    assert torch.allclose(attended, outputs.float()[:, 1].flatten(1).sum(1) if head.dense else outputs.float()[:, 1])
