"""What every explainer of a network's answer keeps to; a new file there is tested without a new test."""

from __future__ import annotations

import inspect

import pytest
import torch

from sagittal.errors import UsageError
from sagittal.models.mlp import mlp
from sagittal.models.unet import unet
from sagittal.shelf import Shelf
from sagittal.testing import check_explainer

SHELF = Shelf("sagittal.explainers", kind="explainer")
# Those that ask many rows at once have a signature of their own.
ONE_SAMPLE = [n for n in SHELF.names() if "attend" in inspect.signature(SHELF.get(n)).parameters]
G = torch.Generator().manual_seed(4)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("name", ONE_SAMPLE)
def test_an_explainer_keeps_the_contract(name: str, axes: int) -> None:
    check_explainer(SHELF.get(name), axes=axes)


@pytest.mark.parametrize("name", ONE_SAMPLE)
def test_a_map_of_a_dense_net_is_on_its_grid(name: str) -> None:
    model = unet(channels=1, outputs=2, widths=(4, 8))
    x = torch.randn(1, 1, 16, 12, generator=G)
    found = SHELF.get(name)(model, x, lambda logits: torch.softmax(logits, dim=1)[0, 1].sum())
    assert found.shape == (16, 12)


@pytest.mark.parametrize("name", ONE_SAMPLE)
def test_a_row_gets_a_number_a_column_or_a_reason(name: str) -> None:
    model = mlp(channels=5, outputs=2)
    x = torch.randn(1, 5, generator=G)
    if name == "grad_cam":
        with pytest.raises(UsageError, match="no convolution"):
            SHELF.get(name)(model, x, lambda logits: logits[0, 1])
        return
    assert SHELF.get(name)(model, x, lambda logits: logits[0, 1]).shape == (5,)
