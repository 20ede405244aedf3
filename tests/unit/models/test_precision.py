"""How a frozen trunk is asked."""

from __future__ import annotations

import pytest
import torch

from sagittal.models import _precision
from sagittal.models._precision import AGREEMENT, ask, computes_bf16, fast
from sagittal.models.preact_resnet import preact_resnet
from sagittal.models.unet import unet


@pytest.fixture
def network():
    torch.manual_seed(0)
    return preact_resnet(channels=1, outputs=3, widths=(8, 16)).eval()


def test_the_same_way_is_chosen_each_time(network):
    x = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    found = [fast(network.trunk, x, whole=network) for _ in range(3)]
    assert len({one.name for one in found}) == 1
    assert torch.equal(found[0](x), found[1](x))
    assert found[0].apart <= AGREEMENT
    probabilities = [torch.softmax(network.head(f), dim=1) for f in (found[0](x), network.trunk(x))]
    assert (probabilities[0] - probabilities[1]).abs().max() <= AGREEMENT


def test_hardware_without_bf16_computes_in_fp32(network, monkeypatch):
    monkeypatch.setattr(_precision, "computes_bf16", lambda device: False)
    x = torch.randn(2, 1, 32, 32)
    found = fast(network.trunk, x, whole=network)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found(x), ask(network.trunk, x, dtype=torch.float32, channels_last=False), atol=1e-5, rtol=1e-4)


def test_a_trunk_that_disagrees_in_bf16_stays_in_fp32(monkeypatch):
    class Differences(torch.nn.Module):
        """Takes two large numbers from each other, which eight bits do not hold."""

        def forward(self, x):
            one = torch.nn.functional.linear(x, torch.full((1, x.shape[1]), 1000.0))
            other = torch.nn.functional.linear(x, torch.full((1, x.shape[1]), 1000.5))
            return other - one

    monkeypatch.setattr(_precision, "computes_bf16", lambda device: True)
    found = fast(Differences(), torch.rand(4, 7))
    assert found.dtype == torch.float32


def test_a_gpu_that_is_not_there_is_not_asked():
    assert not computes_bf16(torch.device("meta"))


@pytest.mark.parametrize("axes", [2, 3])
def test_a_dense_network_answers_in_bf16_only_where_its_scores_stay(axes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = unet(channels=1, outputs=3, axes=axes, widths=(4, 8), generator=torch.Generator().manual_seed(0)).eval()
    cpu = torch.device("cpu")
    monkeypatch.setattr(_precision, "computes_bf16", lambda device: True)
    assert _precision.same_in_bf16(network, lambda z: torch.softmax(z, dim=1), cpu)
    with torch.no_grad():
        network.last.weight *= 1000
    assert not _precision.same_in_bf16(network, lambda z: torch.softmax(z, dim=1), cpu)
    monkeypatch.setattr(_precision, "computes_bf16", lambda device: False)
    assert not _precision.same_in_bf16(network, torch.sigmoid, cpu)
