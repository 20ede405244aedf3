"""Explanations that are right, that depend on what was learned, and that find a shortcut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sagittal.engine.explain import FINE
from sagittal.engine.plan import EXPLAINERS as EXPLAINER_SHELF
from sagittal.explainers._border import border_attention, border_share
from sagittal.explainers._features import feature_maps, first_kernels
from sagittal.explainers.grad_cam import _watched, grad_cam
from sagittal.explainers.integrated_gradients import integrated_gradients
from sagittal.explainers.occlusion import occlusion
from sagittal.explainers.permutation import permutation
from sagittal.losses.cross_entropy import cross_entropy
from sagittal.models._network import Network
from sagittal.models.densenet import densenet
from sagittal.models.fcn import fcn
from sagittal.models.mlp import mlp
from sagittal.models.preact_resnet import preact_resnet
from sagittal.models.resnet import resnet
from sagittal.models.vgg import vgg


def second(logits: Tensor) -> Tensor:
    return logits[0, 1]


def pictures(n: int, *, at: tuple[int, int], seed: int) -> tuple[Tensor, Tensor]:
    """Noise; the second class has a bright spot at one place."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, 32, 32, generator=g)
    y = torch.arange(n) % 2
    x[y == 1, :, at[0] : at[0] + 5, at[1] : at[1] + 5] += 2.5
    return x, y


def trained(at: tuple[int, int]) -> Network:
    torch.set_num_threads(1)
    model = preact_resnet(channels=1, outputs=2, widths=(8, 16), blocks=1).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss = cross_entropy()
    for step in range(40):
        x, y = pictures(32, at=at, seed=step)
        optimizer.zero_grad()
        loss(model(x), y).mean().backward()
        optimizer.step()
    x, y = pictures(64, at=at, seed=999)
    assert (model.eval()(x).argmax(1) == y).float().mean() > 0.9
    return model


@pytest.fixture(scope="module")
def looks_at_the_corner() -> Network:
    return trained((0, 27))


@pytest.fixture(scope="module")
def looks_at_the_middle() -> Network:
    return trained((14, 14))


EXPLAINERS = [grad_cam, occlusion, integrated_gradients]


@pytest.mark.parametrize("explain", EXPLAINERS)
def test_the_map_lies_where_the_reason_is(looks_at_the_middle: Network, explain: object) -> None:
    x, _ = pictures(8, at=(14, 14), seed=7)
    maps = np.stack([explain(looks_at_the_middle, x[i : i + 1], second) for i in range(1, 8, 2)])  # type: ignore[operator]
    mean = maps.mean(axis=0)
    assert mean[12:21, 12:21].mean() > 3 * mean.mean()


@pytest.mark.parametrize("explain", EXPLAINERS)
def test_border_attention_finds_a_shortcut(looks_at_the_corner: Network, looks_at_the_middle: Network, explain: object) -> None:
    def attention(model: Network, at: tuple[int, int]) -> float:
        x, _ = pictures(16, at=at, seed=8)
        found = [border_attention(explain(model, x[i : i + 1], second)) for i in range(1, 16, 2)]  # type: ignore[operator]
        return float(np.mean([v for v in found if v is not None]))

    corner, middle = attention(looks_at_the_corner, (0, 27)), attention(looks_at_the_middle, (14, 14))
    # Over 4 seeds and 2 kinds of mark: Grad-CAM .9 to 1.3 times the even share, the others 1.4 to 2.2; middle nets below .1.
    assert corner > 5 * middle
    assert middle < 0.2 * border_share((32, 32))
    if explain is not grad_cam:
        # Grad-CAM's coarse maps bleed inwards, so that it need not exceed the share of an even map.
        assert corner > 1.25 * border_share((32, 32))


def test_the_alarm_is_clearer_than_the_maps_of_grad_cam(looks_at_the_corner: Network, looks_at_the_middle: Network) -> None:
    def attention(model: Network, at: tuple[int, int], name: str, **options: object) -> float:
        x, _ = pictures(16, at=at, seed=8)
        found = [border_attention(EXPLAINER_SHELF.make(name, options, model=model, x=x[i : i + 1], attend=second)) for i in range(1, 16, 2)]
        return float(np.mean([v for v in found if v is not None])) / border_share((32, 32))

    # 2.2 times the even share, where Grad-CAM gives 1.25; the report warns above 1.1.
    assert attention(looks_at_the_corner, (0, 27), FINE.name, **FINE.options) > 1.8
    assert attention(looks_at_the_corner, (0, 27), "grad_cam") < 1.5
    assert attention(looks_at_the_middle, (14, 14), FINE.name, **FINE.options) < 0.2


@pytest.mark.parametrize("explain", EXPLAINERS)
def test_other_weights_give_another_map(looks_at_the_middle: Network, explain: object) -> None:
    """The sanity check of Adebayo et al. (2018): a map that survives random weights explains nothing."""
    blank = preact_resnet(channels=1, outputs=2, widths=(8, 16), blocks=1, generator=torch.Generator().manual_seed(77)).eval()
    x, _ = pictures(16, at=(14, 14), seed=9)
    alike = []
    for i in range(1, 16, 2):
        learned, random = (explain(m, x[i : i + 1], second).ravel() for m in (looks_at_the_middle, blank))  # type: ignore[operator]
        if learned.std() > 0 and random.std() > 0:
            alike.append(np.corrcoef(learned, random)[0, 1])
    assert len(alike) >= 4
    assert np.mean(alike) < 0.5


@pytest.mark.parametrize(
    ("model", "grid", "channels", "positive"),
    [
        (lambda: vgg(channels=1, outputs=2, depth=11, classifier="pool"), (4, 4), 512, True),
        (lambda: vgg(channels=1, outputs=2, depth=19, norm="batch", classifier="pool"), (4, 4), 512, True),
        (lambda: resnet(channels=1, outputs=2), (2, 2), 512, True),
        (lambda: densenet(channels=1, outputs=2), (2, 2), 1024, False),
        (lambda: preact_resnet(channels=1, outputs=2, widths=(4, 8)), (32, 32), 8, True),
    ],
)
def test_the_layer_is_the_last_map_of_the_last_convolutions_grid(
    model: object, grid: tuple[int, int], channels: int, positive: bool
) -> None:
    network: Network = model().eval()  # type: ignore[operator]
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    _, maps = _watched(network, x, second)
    assert maps.shape == (1, channels, *grid)
    assert bool((maps >= 0).all()) or not positive, "behind norm, shortcut and activation"


def test_a_vgg_that_pools_up_is_explained_before_the_pooling() -> None:
    network = vgg(channels=1, outputs=2, depth=11, classifier="pool").eval()
    network.avgpool = nn.AdaptiveAvgPool2d(4)
    network.classifier = nn.Linear(512 * 16, 2)
    x = torch.randn(1, 1, 64, 64, requires_grad=True)
    _, maps = _watched(network, x, second)
    assert maps.grad_fn is not None
    assert "Relu" in type(maps.grad_fn).__name__


def test_a_weak_map_is_not_scaled_up_from_nothing() -> None:
    network = preact_resnet(channels=1, outputs=2, widths=(4,), blocks=1)
    assert not grad_cam(network, torch.zeros(1, 1, 8, 8), lambda logits: 0 * logits[0, 1]).any()


def test_integrated_gradients_add_up_to_the_score() -> None:
    model = mlp(channels=6, outputs=3, widths=(16, 16), activation="tanh").eval()
    x = torch.randn(1, 6, generator=torch.Generator().manual_seed(2))
    parts = integrated_gradients(model, x, second)
    with torch.no_grad():
        assert parts.sum() == pytest.approx(float(second(model(x)) - second(model(torch.zeros_like(x)))), abs=1e-4)


def test_integrated_gradients_of_a_linear_model_are_weight_times_value() -> None:
    model = mlp(channels=4, outputs=2, widths=())
    x = torch.tensor([[1.0, -2.0, 0.5, 0.0]])
    weight = model.last.weight[1].detach().numpy()
    assert np.allclose(integrated_gradients(model, x, second), weight * x[0].numpy(), atol=1e-6)
    assert np.allclose(occlusion(model, x, second), weight * x[0].numpy(), atol=1e-6)


def test_permutation_finds_the_columns_that_are_used() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 4)).astype(np.float32)
    truth = (rows[:, 0] + 2 * rows[:, 2] > 0).astype(np.int64)

    def predict(some: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-3 * (some[:, 0] + 2 * some[:, 2])))
        return np.stack([1 - p, p], axis=1)

    found = permutation(predict, rows, truth=truth, rng=np.random.default_rng(1))
    assert list(np.argsort(-found.fall)[:2]) == [2, 0]
    assert found.fall[1] == found.fall[3] == 0
    again = permutation(predict, rows, truth=truth, rng=np.random.default_rng(1))
    assert np.array_equal(found.fall, again.fall)


def test_border_attention_of_an_even_map_is_the_borders_share() -> None:
    for shape in ((20, 20), (30, 10), (10, 12, 14), (7,)):
        assert border_attention(np.ones(shape)) == pytest.approx(border_share(shape))
    assert border_attention(np.zeros((8, 8))) is None
    assert border_attention(np.pad(np.ones((4, 4)), 8)) == 0


def test_kernels_and_feature_maps_can_be_looked_at() -> None:
    x = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    network = resnet(channels=1, outputs=2)
    kernels = first_kernels(network)
    assert kernels is not None
    assert np.array_equal(kernels, network.conv1.weight.detach().numpy())
    assert first_kernels(mlp(channels=2, outputs=2)) is None
    stem = feature_maps(network, x, stage="stem")
    assert stem.shape == (64, 8, 8)
    assert stem.min() >= 0
    assert feature_maps(network, x, stage="layer2").shape == (128, 4, 4)
    assert feature_maps(fcn(channels=1, outputs=2), x, stage="features").shape == (512, 1, 1), "a stage whose parts are called one by one"


def test_occlusion_asks_no_more_than_it_may_and_still_finds_the_place_in_a_volume():
    asked = []

    class Corner(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            asked.append(len(x))
            return x[:, 0, 12:, :8, 12:].mean(dim=(1, 2, 3))[:, None]

    x = torch.zeros(1, 1, 16, 24, 16)
    x[:, :, 12:, :8, 12:] = 1.0
    found = occlusion(Corner(), x, lambda outputs: outputs[0, 0], most=64)
    assert sum(asked) <= 65, "the whole and the covered copies"
    assert np.unravel_index(found.argmax(), found.shape)[0] >= 8
    assert found[12:, :8, 12:].mean() > 3 * found.mean()
