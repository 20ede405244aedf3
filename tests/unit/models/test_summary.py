"""The layer table, and asking a frozen trunk faster."""

from __future__ import annotations

import pytest
import torch

from sagittal.errors import UsageError
from sagittal.models import _precision
from sagittal.models._network import Network
from sagittal.models._precision import AGREEMENT, apart, computes_bf16, fast
from sagittal.models._summary import summary, totals
from sagittal.models.preact_resnet import preact_resnet
from sagittal.models.resnet import resnet
from sagittal.models.unet import unet
from sagittal.models.vgg import vgg


@pytest.mark.parametrize(
    ("options", "gigamacs"),
    [({"family": vgg, "depth": 16}, 15.47), ({"family": resnet, "depth": 18}, 1.814), ({"family": resnet, "depth": 50}, 4.089)],
)
def test_multiply_adds_are_the_published_ones(options: dict[str, object], gigamacs: float) -> None:
    family = options.pop("family")
    with torch.device("meta"):
        network = family(channels=3, outputs=1000, **options)  # type: ignore[operator]
    assert totals(summary(network, (224, 224))).macs / 1e9 == pytest.approx(gigamacs, rel=2e-3)


def test_s0s_table_adds_up() -> None:
    with torch.device("meta"):
        network = vgg(channels=3, outputs=4, head=[256], dropout=0.4)
    network.freeze("features")
    rows = summary(network, (224, 224))
    assert (totals(rows).parameters, totals(rows).learns) == (135_310_404, 1_049_860)
    assert rows[0].name == "features.0"
    assert rows[0].shape == (64, 224, 224)
    assert rows[0].parameters == 1_792
    assert rows[0].memory == 64 * 224 * 224 * 4


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_table_changes_nothing(axes: int) -> None:
    network = unet(channels=1, outputs=2, axes=axes, widths=(4, 8)).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    rows = summary(network, (8,) * axes)
    assert rows[-1].shape == (2, *(8,) * axes)
    assert totals(rows).parameters == sum(p.numel() for p in network.parameters())
    assert network.training
    assert all(p.device.type == "cpu" for p in network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert not any(m._forward_hooks for m in network.modules())


def test_a_layer_that_runs_twice_is_counted_once() -> None:
    network = resnet(channels=1, outputs=2, activation="prelu")
    rows = summary(network, (64, 64))
    assert [r.parameters for r in rows if r.name == "layer1.0.relu"] == [1, 0]
    assert totals(rows).parameters == sum(p.numel() for p in network.parameters())


def test_a_shape_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="pad to 12"):
        summary(unet(channels=1, outputs=2, widths=(4, 8, 8)), (12, 10))


def ready(network: Network) -> Network:
    network.freeze("features")
    return network.eval()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_fast_way_agrees_with_fp32(axes: int) -> None:
    network = ready(preact_resnet(channels=1, outputs=3, axes=axes, widths=(8, 16)))
    x = torch.randn(4, 1, *(16,) * axes, generator=torch.Generator().manual_seed(1))
    way = fast(network.trunk, x, whole=network)
    with torch.no_grad():
        one, other = torch.softmax(network(x), 1), torch.softmax(network.head(way(x)), 1)
    assert way(x).dtype == torch.float32
    assert (one - other).abs().max() <= AGREEMENT
    assert way.dtype == (torch.bfloat16 if computes_bf16(x.device) else torch.float32), "the hardware decides, not a clock"


class _Fragile(torch.nn.Module):
    """Small differences of large numbers: bf16 loses them all."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = torch.nn.functional.linear(x.flatten(1) + 1000, torch.eye(x[0].numel()))
        return wide.float() - 1000


def test_bf16_that_would_change_the_answer_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_precision, "computes_bf16", lambda device: True)
    x = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    way = fast(_Fragile().eval(), x)
    assert way.dtype == torch.float32
    steady = torch.nn.Flatten().eval()
    assert fast(steady, x).dtype == torch.bfloat16, "else it proves nothing"
    assert way.apart < 1e-3


def test_apart_is_measured_in_probabilities() -> None:
    network = ready(preact_resnet(channels=1, outputs=2, widths=(4, 8)))
    features = torch.rand(3, 8)
    assert apart(features, features, whole=network) == 0
    with torch.no_grad():
        network.head.weight[0] += 5
    assert apart(features, features * 1.5, whole=network) > AGREEMENT


def test_a_table_row_has_no_layout() -> None:
    from sagittal.models.mlp import mlp

    network = ready(mlp(channels=5, outputs=2))
    assert not fast(network.trunk, torch.randn(6, 5), whole=network).channels_last
