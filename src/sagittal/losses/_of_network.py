"""A loss for all that a network gives in training."""

from __future__ import annotations

from typing import Literal, cast

from sagittal.losses._deep import Deep
from sagittal.losses._loss import Loss
from sagittal.losses._outputs import TrainingLoss
from sagittal.losses.vae import Vae


def of_network(loss: Loss, several: Literal["deep", "vae"] | None) -> TrainingLoss:
    """Any loss, wrapped so that it takes the outputs of a network in training.

    Args:
        loss: Of the answer.
        several: What the network gives besides, see ``models/_network.py``; an autoencoder's terms are added to any
            loss that has none.

    >>> import torch
    >>> from sagittal.losses.mse import mse
    >>> coarse, fine = torch.full((1, 1, 2), 3.0), torch.ones(1, 1, 4)
    >>> of_network(mse(), "deep")((fine, coarse), torch.zeros(1, 1, 4))
    tensor([3.6667])
    """
    if several == "deep":
        loss = Deep(loss)
    elif several == "vae" and not isinstance(loss, Vae):
        loss = Vae(loss)
    # a network that gives one tensor only is never asked for more
    return cast(TrainingLoss, loss)
