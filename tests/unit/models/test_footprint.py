"""What a forward pass holds is counted without computing it; what looks at the whole window is found out."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

from sagittal.errors import UsageError
from sagittal.models._footprint import footprint
from sagittal.models._network import Network
from sagittal.models.unet import unet


class Plain(Network):
    """One part."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__(axes=2, channels=3, outputs=3, dense=True)
        self.part = part

    @property
    def stages(self):
        return [("part", self.part)]


class Squeeze(nn.Module):
    """Looks at everything by a plain function."""

    def forward(self, x):
        return x * x.mean(dim=(2, 3), keepdim=True).sigmoid()


class Picked(nn.Module):
    """Turns an axis around by numbers."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("numbers", torch.tensor([2, 1, 0]))

    def forward(self, x):
        return x[:, self.numbers] if self.axis == 1 else x[:, :, self.numbers]


class Placed(nn.Module):
    """Knows where in its window a sample lies."""

    def forward(self, x):
        return x + torch.arange(x.shape[-1], device=x.device)


@pytest.mark.parametrize(
    ("part", "local"),
    [
        (nn.Conv2d(3, 3, 3, padding=1), True),
        (nn.BatchNorm2d(3), True),
        (nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear"), nn.LeakyReLU(), nn.PReLU()), True),
        (nn.Sequential(nn.ReflectionPad2d(1), nn.AvgPool2d(3, stride=1), nn.Softmax(dim=1)), True),
        (Picked(1), True),
        (Picked(2), False),
        (Placed(), False),
        (nn.InstanceNorm2d(3, affine=True), False),
        (nn.GroupNorm(3, 3), False),
        (nn.LayerNorm([3, 16, 16]), False),
        (nn.AdaptiveAvgPool2d(1), False),
        (nn.Softmax(dim=2), False),
        (nn.Sequential(nn.Flatten(2), nn.Linear(256, 256), nn.Unflatten(2, (16, 16))), False),
        (Squeeze(), False),
    ],
)
def test_what_looks_at_the_whole_window_is_found_out(part, local):
    found = footprint(Plain(part), (16, 16))
    assert found.local is local
    assert bool(found.why) is not local


def test_tensors_that_are_alive_together_are_added_up():
    n = 16 * 16 * 4
    # input, convolution; its relu beside it; then the next convolution, the input still held by whoever asked
    wide = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 3, 1))
    assert footprint(Plain(wide), (16, 16)).peak == n * (3 + 8 + 8)
    assert footprint(Plain(nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(inplace=True), nn.Conv2d(8, 3, 1))), (16, 16)).peak == n * (3 + 8 + 3)


def test_a_network_is_left_as_it_was():
    network = unet(channels=1, outputs=2, axes=3, widths=(4, 8)).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    one, other = footprint(network, (16, 16, 16)), footprint(network, (16, 16, 32))
    gc.collect()
    assert network.training
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert other.peak == pytest.approx(2 * one.peak, rel=0.01)
    with pytest.raises(UsageError):
        footprint(network, (15, 16, 16))
