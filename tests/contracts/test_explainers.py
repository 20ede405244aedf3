"""What every explainer of a network's answer keeps to; a new file there is tested without a new test."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sagittal.errors import NumericFailure, UsageError
from sagittal.models.mlp import mlp
from sagittal.models.preact_resnet import preact_resnet
from sagittal.models.unet import unet
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.explainers", kind="explainer")
# Those that ask many rows at once have a signature of their own.
ONE_SAMPLE = [n for n in SHELF.names() if "attend" in inspect.signature(SHELF.get(n)).parameters]
G = torch.Generator().manual_seed(4)


def check_explainer(explain: Callable[..., Any], *, axes: int) -> None:
    """A finite map on the input's grid in 0..1, the same every time, and a model that is left as it was."""
    model = preact_resnet(channels=2, outputs=3, axes=axes, widths=(4, 8), blocks=1, dropout=0.5)
    model.freeze(["stem"])
    model.train()
    x = torch.randn(1, 2, *(16, 12, 8)[:axes], generator=G)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    learns = [p.requires_grad for p in model.parameters()]

    def attend(logits: torch.Tensor) -> torch.Tensor:
        return logits[0, 1]

    found = explain(model, x, attend)
    assert found.shape == x.shape[2:]
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert found.max() > 0
    with torch.inference_mode():
        assert np.array_equal(explain(model, x, attend), found)
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == learns
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert not np.allclose(explain(model, x, lambda logits: -logits[0, 1]), found), "the other side has other reasons"
    with pytest.raises(NumericFailure):
        explain(model, x, lambda logits: logits[0, 1] * torch.nan)


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
