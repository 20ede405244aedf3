"""Overlap, distance and embedding losses against their formulae and MONAI's figures; several outputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from sagittal.errors import UsageError
from sagittal.losses._deep import Deep, nearest
from sagittal.losses._of_network import of_network
from sagittal.losses.boundary import boundary
from sagittal.losses.contrastive import contrastive
from sagittal.losses.cross_entropy import cross_entropy
from sagittal.losses.dice import dice
from sagittal.losses.dice_bce import dice_bce
from sagittal.losses.mse import mse
from sagittal.losses.tags_angular import tags_angular
from sagittal.losses.tversky import tversky
from sagittal.losses.vae import vae
from sagittal.losses.weighted_smooth_l1 import weighted_smooth_l1
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.losses", kind="loss")
CLASSES, SHAPE = 4, (5, 6, 4)


def example() -> tuple[Tensor, Tensor]:
    """Three cases of four classes, by a formula, so that another program can have the same."""
    n = 3 * CLASSES * math.prod(SHAPE)
    logits = (torch.arange(n, dtype=torch.float64) * 0.7).sin().mul(2).reshape(3, CLASSES, *SHAPE).float()
    return logits, ((torch.arange(3 * math.prod(SHAPE)) * 7) % 11).remainder(4).reshape(3, *SHAPE)


# MONAI 1.6.1 on the same numbers: DiceLoss, GeneralizedDiceLoss, TverskyLoss, DiceCELoss (softmax, to_onehot_y,
# include_background=False, smooth_nr=0, smooth_dr=0), FocalLoss (use_softmax) times the number of classes.
MONAI: list[tuple[str, dict[str, Any], float]] = [
    ("dice", {}, 0.7404541373),
    ("dice", {"kind": "squared"}, 0.6647338867),
    ("dice", {"kind": "generalised"}, 0.7508463860),
    ("dice", {"kind": "generalised", "background": None}, 0.7523453832),
    ("dice", {"over": "batch"}, 0.7406380773),
    ("dice", {"kind": "squared", "over": "batch"}, 0.6649469733),
    ("dice", {"kind": "generalised", "over": "batch"}, 0.7508563995),
    ("tversky", {}, 0.7361771464),
    ("dice_ce", {}, 1.4318209887),
    ("focal", {}, 1.7725121975),
]


@pytest.mark.parametrize(("name", "options", "figure"), MONAI)
def test_losses_are_monais(name: str, options: dict[str, Any], figure: float) -> None:
    assert SHELF.make(name, options)(*example()).mean().item() == pytest.approx(figure, abs=2e-6)


def test_an_even_tversky_is_dice() -> None:
    assert torch.allclose(tversky(alpha=0.5, beta=0.5)(*example()), dice()(*example()), atol=1e-6)
    assert torch.allclose(tversky(gamma=2)(*example()), _squared_classes(*example()), atol=1e-6)


def _squared_classes(logits: Tensor, target: Tensor) -> Tensor:
    p, truth = torch.softmax(logits, 1).flatten(2), F.one_hot(target, CLASSES).movedim(-1, 1).flatten(2)
    tp, fp, fn = (p * truth).sum(2), (p * (1 - truth)).sum(2), ((1 - p) * truth).sum(2)
    return ((1 - tp / (tp + 0.3 * fp + 0.7 * fn)) ** 2)[:, 1:].mean(dim=1)


def test_dice_and_bce_of_classes_that_lie_over_each_other() -> None:
    logits, target = example()
    both = F.one_hot(target, CLASSES).movedim(-1, 1).clone()
    assert torch.allclose(dice_bce()(logits, target), dice_bce()(logits, both), atol=1e-6)
    both[:, 2] = 1
    p = torch.sigmoid(logits).flatten(2)
    t = both.flatten(2)
    overlap = (1 - 2 * (p * t).sum(2) / (p.sum(2) + t.sum(2)))[:, 1:].mean(dim=1)
    expected = 0.5 * overlap + 0.5 * F.binary_cross_entropy_with_logits(logits, both.float(), reduction="none").flatten(1).mean(dim=1)
    assert torch.allclose(dice_bce()(logits, both), expected, atol=1e-6)


@pytest.mark.parametrize("loss", [dice(kind="generalised"), dice(kind="squared"), tversky(), dice_bce(), boundary(), dice(over="batch")])
def test_a_class_that_no_case_has_costs_what_is_given_to_it_alone(loss: Any) -> None:
    target = torch.zeros(2, 6, 6, dtype=torch.long)
    target[:, :3] = 1
    right = 40.0 * (2 * F.one_hot(target, 3).movedim(-1, 1) - 1)
    assert torch.allclose(loss(right, target), torch.zeros(2), atol=1e-5)
    wrong = right.clone()
    wrong[:, 2, 4] = 80
    assert (loss(wrong, target) > 0.01).all()
    nothing = torch.zeros_like(target)
    assert torch.isfinite(loss(right, nothing)).all()


def test_dice_over_the_batch_is_one_number_of_all_known_samples() -> None:
    logits, target = example()
    one = dice()(logits.movedim(1, 0).flatten(1)[None], target.flatten()[None])
    assert torch.allclose(dice(over="batch")(logits, target), one.expand(3), atol=1e-6)
    target[2] = -1
    losses = dice(over="batch")(logits, target)
    assert losses[2] == 0
    assert torch.allclose(losses[:2], dice(over="batch")(logits[:2], target[:2]))


def test_what_is_wrong_counts_by_its_distance_from_the_border() -> None:
    logits, target = example()
    p = torch.softmax(logits, 1).numpy()
    expected = []
    for b in range(3):
        parts = []
        for k in range(1, CLASSES):
            g = target[b].numpy() == k
            away = ndimage.distance_transform_edt(g) + ndimage.distance_transform_edt(~g)
            parts.append((away * np.abs(p[b, k] - g)).mean())
        expected.append(np.mean(parts))
    assert np.allclose(boundary(dice_share=0)(logits, target).numpy(), expected, atol=1e-5)
    line = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0]])
    near, far = (F.one_hot(torch.tensor([row]), 2).movedim(-1, 1) * 50.0 for row in ([1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 1]))
    assert (boundary(dice_share=0)(far, line) == 5 * boundary(dice_share=0)(near, line)).all()
    assert boundary(dice_share=0, spacing=[0.5])(far, line).item() == pytest.approx(boundary(dice_share=0)(far, line).item() / 2)


def test_the_gradient_of_the_boundary_loss_is_the_articles() -> None:
    target = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0]])
    p = torch.rand(8, generator=torch.Generator().manual_seed(1))
    signed = torch.tensor([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    logits = torch.stack([torch.zeros(8), torch.logit(p)])[None].requires_grad_()
    (ours,) = torch.autograd.grad(boundary(dice_share=0)(logits, target).sum(), logits)
    (theirs,) = torch.autograd.grad((signed * torch.softmax(logits, 1)[0, 1]).mean(), logits)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_angles_are_measured_and_have_a_gradient_everywhere() -> None:
    angles = torch.tensor([0.0, 1e-3, 0.5, 2.0, math.pi])
    said = torch.stack([angles.cos(), angles.sin()])[None].mul(3.0).requires_grad_()
    truth = torch.tensor([1.0, 0.0]).reshape(1, 2, 1).expand(1, 2, 5)
    loss = tags_angular()(said, truth)
    assert loss.item() == pytest.approx((angles**2).mean().item(), rel=1e-5)
    loss.sum().backward()
    assert torch.isfinite(said.grad).all()
    hidden = truth.clone()
    hidden[..., 3:] = 0
    assert tags_angular()(said, hidden).item() == pytest.approx((angles[:3] ** 2).mean().item(), rel=1e-4)


def test_embeddings_by_their_formula() -> None:
    points = torch.tensor([[[0.0, 2.0, 1.0, 1.5, 9.0]]])
    target = torch.tensor([[7, 7, 3, 3, -1]])
    pull = ((1 - 0.5) ** 2 + 0) / 2
    push = (2 * 1.5 - 0.25) ** 2
    expected = pull + push + 0.001 * (1 + 1.25) / 2
    assert contrastive()(points, target).item() == pytest.approx(expected, rel=1e-5)
    assert contrastive(background=7)(points, target).item() == pytest.approx(0.00125, rel=1e-3)


def test_small_truths_count_less() -> None:
    x, y = torch.zeros(1, 4), torch.tensor([[-1.0, 3.0, -0.5, 0.0]])
    each = F.smooth_l1_loss(x, y, reduction="none") * torch.tensor([0.1, 1, 0.1, 1])
    assert weighted_smooth_l1()(x, y).item() == pytest.approx(each.mean().item())
    other = F.smooth_l1_loss(x, y, reduction="none") * torch.tensor([1, 0.1, 1, 0.1])
    assert weighted_smooth_l1(below=False)(x, y).item() == pytest.approx(other.mean().item())


def test_an_autoencoder_pays_for_what_it_gives_back_and_for_its_code() -> None:
    logits, target = example()
    image, given = torch.ones(3, 2, *SHAPE), torch.zeros(3, 2, *SHAPE)
    mean, log_variance = torch.full((3, 8), 0.5), torch.full((3, 8), -1.0)
    kl = 8 * (0.25 + math.exp(-1) + 1 - 1) / image[0].numel()
    found = vae(reconstruction=0.2, divergence=3.0)((logits, given, image, mean, log_variance), target)
    assert torch.allclose(found, dice(kind="squared")(logits, target) + 0.2 + 3 * kl, atol=1e-6)
    assert torch.equal(vae()(logits, target), dice(kind="squared")(logits, target))


@pytest.mark.parametrize("loss", [dice(), cross_entropy(), tversky()])
def test_deep_supervision_is_a_weighted_mean_over_grids(loss: Any) -> None:
    logits, target = torch.randn(2, 3, 8, 8), torch.randint(0, 3, (2, 8, 8))
    coarse, coarsest = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 2, 2)
    found = Deep(loss)((logits, coarse, coarsest), target)
    expected = (loss(logits, target) + loss(coarse, target[:, 1::2, 1::2]) / 2 + loss(coarsest, target[:, 2::4, 2::4]) / 4) / 1.75
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(Deep(loss)(logits, target), loss(logits, target)), "in evaluation there is one answer"


def test_a_target_on_a_coarser_grid_keeps_its_values_and_its_place() -> None:
    target = torch.arange(12)[None]
    assert nearest(target, (3,)).tolist() == [[2, 6, 10]]
    assert nearest(target, (12,)) is target
    values = torch.arange(24.0).reshape(1, 2, 12)
    assert nearest(values, (6,)).shape == (1, 2, 6)


def test_a_loss_of_one_answer_stays_as_it_is() -> None:
    loss = mse()
    assert of_network(loss, None) is loss


@pytest.mark.parametrize("options", [{"kind": "sqared"}, {"over": "bach"}])
def test_a_wrong_kind_of_dice_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        dice(**options)
