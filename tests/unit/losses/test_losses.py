"""Losses against their definitions and against torch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sagittal.losses.bce import bce
from sagittal.losses.centre import centre
from sagittal.losses.cross_entropy import cross_entropy
from sagittal.losses.dice import dice
from sagittal.losses.dice_ce import dice_ce
from sagittal.losses.focal import focal
from sagittal.losses.mse import mse
from sagittal.losses.smooth_l1 import smooth_l1

G = torch.Generator().manual_seed(0)


def test_the_mean_over_a_batch_is_torchs_cross_entropy() -> None:
    logits, target = torch.randn(7, 5, generator=G), torch.randint(0, 5, (7,), generator=G)
    assert torch.allclose(cross_entropy(label_smoothing=0.1)(logits, target).mean(), F.cross_entropy(logits, target, label_smoothing=0.1))


def test_a_samples_known_voxels_are_averaged() -> None:
    logits, target = torch.randn(2, 3, 6, generator=G), torch.randint(0, 3, (2, 6), generator=G)
    target[0, :4] = -1
    losses = cross_entropy()(logits, target)
    assert torch.allclose(losses[0], F.cross_entropy(logits[:1, :, 4:], target[:1, 4:]))
    assert torch.allclose(losses[1], F.cross_entropy(logits[1:], target[1:]))


def test_a_soft_truth_of_one_class_is_that_class() -> None:
    logits, target = torch.randn(4, 3, generator=G), torch.tensor([0, 2, 1, 1])
    soft = F.one_hot(target, 3).float()
    weighted = cross_entropy(weight=[0.5, 1.0, 1.5], label_smoothing=0.2)
    assert torch.allclose(weighted(logits, target), weighted(logits, soft), atol=1e-6)


def test_class_weights_scale_a_samples_loss_and_nothing_else() -> None:
    logits, target = torch.randn(3, 2, generator=G), torch.tensor([0, 1, 1])
    plain, weighted = cross_entropy()(logits, target), cross_entropy(weight=[0.5, 2.0])(logits, target)
    assert torch.allclose(weighted, plain * torch.tensor([0.5, 2.0, 2.0]))


def test_accumulated_micro_batches_give_the_whole_batch() -> None:
    logits, target = torch.randn(11, 4, generator=G), torch.randint(0, 4, (11,), generator=G)
    loss = cross_entropy(weight=[1.0, 2.0, 0.5, 0.5])
    parts = sum(loss(a, b).sum() for a, b in zip(logits.split(3), target.split(3), strict=True))
    assert torch.allclose(parts / 11, loss(logits, target).mean())


def test_unknown_findings_do_not_count() -> None:
    logits = torch.randn(1, 3, generator=G)
    losses = bce()(logits, torch.tensor([[1, -1, 0]]))
    expected = F.binary_cross_entropy_with_logits(logits[:, [0, 2]], torch.tensor([[1.0, 0.0]]))
    assert torch.allclose(losses[0], expected)


def test_a_missing_value_leaves_the_gradient_finite() -> None:
    for loss in (mse(), smooth_l1()):
        answer = torch.zeros(1, 2, requires_grad=True)
        loss(answer, torch.tensor([[float("nan"), 2.0]])).sum().backward()
        assert answer.grad is not None
        assert answer.grad[0, 0] == 0
        assert torch.isfinite(answer.grad).all()


def test_perfect_masks_have_no_dice_loss_and_absent_classes_do_not_hurt() -> None:
    target = torch.zeros(1, 4, 4, dtype=torch.long)
    target[0, :2] = 2
    logits = 50.0 * F.one_hot(target, 4).movedim(-1, 1)
    assert dice()(logits, target).item() == pytest.approx(0, abs=1e-6)
    assert dice_ce()(logits, target).item() == pytest.approx(0, abs=1e-6)


def test_dice_is_one_minus_the_overlap() -> None:
    target = torch.zeros(1, 10, dtype=torch.long)
    target[0, :4] = 1
    said = torch.zeros(1, 10, dtype=torch.long)
    said[0, 2:8] = 1
    logits = 100.0 * F.one_hot(said, 2).movedim(-1, 1)
    assert dice()(logits, target).item() == pytest.approx(1 - 2 * 2 / (4 + 6), abs=1e-5)


def test_an_empty_truth_pulls_false_alarms_down() -> None:
    logits = torch.zeros(1, 2, 8, requires_grad=True)
    loss = dice()(logits, torch.zeros(1, 8, dtype=torch.long))
    assert loss.item() == pytest.approx(0.5)
    loss.sum().backward()
    assert logits.grad is not None
    assert (logits.grad[:, 1] > 0).all()


def test_unknown_voxels_are_out_of_dice() -> None:
    logits, target = torch.randn(1, 3, 12, generator=G), torch.randint(0, 3, (1, 12), generator=G)
    target[0, 8:] = -1
    assert torch.allclose(dice()(logits, target), dice()(logits[..., :8], target[..., :8]))


def test_focal_without_focus_is_cross_entropy() -> None:
    logits, target = torch.randn(5, 3, generator=G), torch.randint(0, 3, (5,), generator=G)
    assert torch.allclose(focal(gamma=0)(logits, target), cross_entropy()(logits, target), atol=1e-6)
    findings = torch.randint(0, 2, (5, 3), generator=G)
    assert torch.allclose(focal(gamma=0)(logits, findings), bce()(logits, findings), atol=1e-6)


def test_sizes_count_only_at_centres() -> None:
    target = torch.zeros(1, 1 + 4, 6, 6)
    target[0, 0, 2, 3] = 1
    target[0, 1:3, 2, 3] = 4.0
    logits = torch.zeros_like(target)
    logits[0, 0] = -30
    logits[0, 0, 2, 3] = 30
    logits[0, 1:3] = 99.0
    logits[0, 1:3, 2, 3] = 3.0
    assert centre(size_share=0.5)(logits, target).item() == pytest.approx(0.5 * 2.0)


def test_a_false_alarm_next_to_a_centre_is_cheaper_than_one_far_away() -> None:
    target = torch.zeros(1, 5, 9, 9)
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")
    target[0, 0] = torch.exp(-((y - 4) ** 2 + (x - 4) ** 2) / 4)

    def at(row: int) -> float:
        logits = torch.full((1, 5, 9, 9), -10.0)
        logits[:, 1:] = 0
        logits[0, 0, 4, 4] = 10
        logits[0, 0, row, 4] = 3
        return centre()(logits, target).item()

    assert at(3) < at(0) / 5
