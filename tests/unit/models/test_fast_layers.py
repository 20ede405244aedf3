"""Layers that are faster with channels last give what torch's give."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sagittal.models._blocks import fast
from sagittal.models._blocks.layers import norm, upconv

LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def both_ways(layer: nn.Module, x: torch.Tensor, layout: torch.memory_format) -> list[tuple[torch.Tensor, ...]]:
    found = []
    for given in (x, x.contiguous(memory_format=layout)):
        given = given.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        layer.zero_grad()
        y = layer(given)
        (y * torch.linspace(0, 1, y.numel()).reshape(y.shape)).sum().backward()
        grads = [p.grad.clone() for p in layer.parameters() if p.grad is not None]
        found.append((y.detach(), given.grad, *grads))
    return found


@pytest.mark.parametrize("axes", [2, 3])
def test_an_instance_norm_is_torchs(axes: int) -> None:
    ours, theirs = norm("instance", axes, 6), (nn.InstanceNorm2d if axes == 2 else nn.InstanceNorm3d)(6, affine=True)
    x = torch.randn(3, 6, *(4, 5, 7)[:axes], generator=torch.Generator().manual_seed(1))
    assert set(ours.state_dict()) == set(theirs.state_dict())
    plain, last = both_ways(ours, x, LAYOUTS[axes])
    for a, b, c in zip(plain, last, both_ways(theirs, x, LAYOUTS[axes])[0], strict=True):
        assert torch.allclose(a, b, atol=1e-4)
        assert torch.allclose(a, c, atol=1e-4)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_transposed_convolution_is_torchs(axes: int) -> None:
    for factor in (2, (1, 2, 3)[:axes]):
        layer = upconv(axes, 6, 5, factor=factor)
        x = torch.randn(2, 6, *(4, 5, 3)[:axes], generator=torch.Generator().manual_seed(1))
        for a, b in zip(*both_ways(layer, x, LAYOUTS[axes]), strict=True):
            assert torch.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("layer", [norm("instance", 3, 4), upconv(3, 4, 4)])
def test_channels_stay_last(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 4, 4, 4, 4).contiguous(memory_format=torch.channels_last_3d)
    assert layer(x).is_contiguous(memory_format=torch.channels_last_3d)
    taken = []
    real = fast._channels_last
    monkeypatch.setattr(fast, "_channels_last", lambda t: taken.append(real(t)) or taken[-1])
    layer(x)
    assert taken == [True], "else it proves nothing"


@pytest.mark.parametrize(
    ("kernel", "stride", "depth", "half"), [(3, 1, 2, True), (5, 1, 4, True), (7, 1, 3, True), (7, 2, 6, False), (7, 2, 7, True)]
)
def test_a_kernel_deeper_than_the_grid_has_a_gradient(kernel: int, stride: int, depth: int, *, half: bool) -> None:
    from sagittal.models._blocks.layers import conv

    layer = conv(3, 8, 8, kernel=kernel, stride=stride)
    x = torch.randn(2, 8, depth, 4, 4, generator=torch.Generator().manual_seed(1))
    weight = layer.weight.detach().double().requires_grad_()
    wanted = torch.nn.functional.conv3d(x.double(), weight, layer.bias.detach().double(), stride=stride, padding=kernel // 2)
    g = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(2))
    wanted.backward(g.double())
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        found = layer(x)
    found.backward(g.to(found.dtype))
    assert torch.allclose(found.double(), wanted, atol=1e-5)
    assert torch.allclose(layer.weight.grad.double(), weight.grad, atol=1e-4)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_a_strided_kernel_on_a_single_sample_has_a_gradient(kernel: int) -> None:
    from sagittal.models._blocks.layers import conv

    layer = conv(2, 8, 8, kernel=kernel, stride=2).to(memory_format=torch.channels_last)
    x = torch.randn(2, 8, 1, 1, generator=torch.Generator().manual_seed(1)).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    found.sum().backward()
    middle = layer.weight.grad[:, :, kernel // 2, kernel // 2]
    assert torch.allclose(middle, x.sum(dim=0)[:, 0, 0].expand(8, 8), atol=1e-4)
    assert layer.weight.grad.count_nonzero() == middle.count_nonzero()
