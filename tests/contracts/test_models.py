"""What every network on the shelf keeps to; a new file there is tested without a new test."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sagittal.models._network import Network, count
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.models", kind="model")

# Made small where the default is a hundred million weights: the contract is about behaviour.
SMALL: dict[str, dict[str, object]] = {"vgg": {"depth": 11, "classifier": "pool"}, "resnet": {"depth": 18}}


def build(name: str, *, axes: int, channels: int = 2, outputs: int = 3, seed: int = 5) -> Network:
    g = torch.Generator().manual_seed(seed)
    return SHELF.make(name, SMALL.get(name), channels=channels, outputs=outputs, axes=axes, generator=g)


def check_model(network: Network) -> None:
    """Shapes, the split into trunk and head, stages, freezing, gradients."""
    good = max(network.smallest, network.multiple)
    size = -(-good // network.multiple) * network.multiple
    shape = tuple(size + network.multiple * (i > 0) for i in range(network.axes))
    network.check(shape)
    x = torch.randn(2, network.channels, *shape, generator=torch.Generator().manual_seed(1))
    network.eval()
    y = network(x)
    assert y.shape == (2, network.outputs, *(shape if network.dense else ()))
    assert torch.isfinite(y).all()
    assert torch.equal(network.head(network.trunk(x)), y)
    assert torch.allclose(network(x[:1]), y[:1], atol=1e-4), "a sample must not depend on its neighbours"

    names = [name for name, _ in network.stages]
    assert len(set(names)) == len(names)
    owned = [p for _, stage in network.stages for p in stage.parameters()]
    assert len(owned) == len({id(p) for p in owned}) == len(list(network.parameters())), "each weight belongs to one stage"

    network.train()
    network(x).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    network.zero_grad()

    network.freeze("features")
    network.train()
    assert network.trunk_is_frozen
    layers = [m for m in network.trunk.modules() if not list(m.children()) and not isinstance(m, nn.Flatten)]
    assert not any(m.training for m in layers), "frozen stages stay in evaluation mode"
    before = {k: v.clone() for k, v in network.state_dict().items()}
    network(x).square().sum().backward()
    assert {n for n, p in network.named_parameters() if p.grad is not None}
    assert all(p.grad is None for p in network.trunk.parameters())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items() if "running" in k and k in _trunk_keys(network))
    network.freeze(None)
    total, learning = count(network)
    assert total == learning


def _trunk_keys(network: Network) -> set[str]:
    inside = {id(t) for t in network.trunk.state_dict(keep_vars=True).values()}
    return {k for k, t in network.state_dict(keep_vars=True).items() if id(t) in inside}


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
