"""What every network on the shelf keeps to; a new file there is tested without a new test."""

from __future__ import annotations

import pytest
import torch

from sagittal.models._network import Network
from sagittal.shelf import Shelf
from sagittal.testing import check_model

SHELF = Shelf("sagittal.models", kind="model")

# Made small where the default is a hundred million weights: the contract is about behaviour.
SMALL: dict[str, dict[str, object]] = {
    "covidnet": {"size": "small", "pooled": 1},
    "fcn": {"depth": 11, "classifier": "none"},
    "resnet": {"depth": 18},
    "resnet_med": {"depth": 10},
    "vgg": {"depth": 11, "classifier": "pool"},
    "vnet": {"levels": 4},
}


def build(name: str, *, axes: int, channels: int = 2, outputs: int = 3, seed: int = 5) -> Network:
    g = torch.Generator().manual_seed(seed)
    return SHELF.make(name, SMALL.get(name), channels=channels, outputs=outputs, axes=axes, generator=g)


@pytest.mark.parametrize("name", SHELF.names())
def test_a_model_keeps_the_contract(name: str) -> None:
    check_model(build(name, axes=_axes(name)))


@pytest.mark.parametrize("name", SHELF.names())
def test_starting_weights_depend_on_the_generator_only(name: str) -> None:
    axes = _axes(name)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = build(name, axes=axes).state_dict()
    assert torch.equal(torch.get_rng_state(), state), "torch's global generator is left alone"
    torch.manual_seed(2)
    two = build(name, axes=axes).state_dict()
    assert all(torch.equal(one[k], two[k]) for k in one)
    other = build(name, axes=axes, seed=6).state_dict()
    assert any(not torch.equal(one[k], other[k]) for k in one)
    assert all(torch.isfinite(v).all() for v in one.values())


@pytest.mark.parametrize("name", [n for n in SHELF.names() if n != "mlp"])
def test_a_model_takes_volumes(name: str) -> None:
    network = build(name, axes=3, channels=1, outputs=2).eval()
    size = -(-max(network.smallest, network.multiple) // network.multiple) * network.multiple
    assert network(torch.zeros(1, 1, size, size, size)).shape[:2] == (1, 2)


def _axes(name: str) -> int:
    return 0 if name == "mlp" else 2
