"""A segmentation loss, and how well an autoencoder beside it gives the image back (Myronenko, 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sagittal.losses._loss import Loss
from sagittal.losses._outputs import Outputs
from sagittal.losses.dice import dice


@dataclass(frozen=True, slots=True)
class Vae:
    """What :func:`vae` makes.

    Args:
        loss: Of the answer.
        reconstruction: Weight of the squared difference.
        divergence: Weight of the Kullback-Leibler divergence.
    """

    loss: Loss
    reconstruction: float = 0.1
    divergence: float = 0.1

    def __call__(self, logits: Outputs, target: Tensor) -> Tensor:
        """The answer, or ``(answer, reconstruction, image, mean, log variance)``."""
        if isinstance(logits, Tensor):
            return self.loss(logits, target)
        answer, given_back, image, mean, log_variance = logits
        squares = (given_back - image).square().flatten(1).mean(dim=1)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).flatten(1).sum(dim=1) / image[0].numel()
        return self.loss(answer, target) + self.reconstruction * squares + self.divergence * divergence


def vae(*, reconstruction: float = 0.1, divergence: float = 0.1, background: int | None = 0) -> Loss:
    """Squared soft Dice, ``+ reconstruction * |image - given back|^2 + divergence * KL``, for ``resnet_vae``.

    In evaluation, and for any other network, it is the Dice part alone. The squared difference is a mean over the
    image; the divergence of the code from the standard normal distribution is divided by the number of the image's
    values, as in the article: ``sum(mean^2 + variance - log variance - 1) / N``. MedicalZoo leaves it undivided and takes
    the logarithm of what may be negative.

    Args:
        reconstruction: Weight of the squared difference.
        divergence: Weight of the divergence.
        background: The class that Dice leaves out.

    Source: Myronenko, 3D MRI brain tumor segmentation using autoencoder regularization, BrainLes (2018).

    >>> import torch
    >>> plain = torch.zeros(1, 2, 4, 4)
    >>> image, code = torch.ones(1, 1, 4, 4), torch.zeros(1, 8)
    >>> target = torch.ones(1, 4, 4, dtype=torch.long)
    >>> more = vae()((plain, 0 * image, image, code, code), target) - vae()(plain, target)
    >>> more.round(decimals=3)
    tensor([0.1000])
    """
    return Vae(dice(kind="squared", background=background), reconstruction, divergence)
