"""The networks of MedicalZoo: parameter counts, and what was repaired in them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sagittal.errors import UsageError
from sagittal.models._network import Network, count
from sagittal.models._summary import summary, totals
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.models", kind="model")
CONTEXT = {"layout": "context", "widths": [8, 16, 32, 64, 128], "norm": "instance", "activation": "leaky", "dropout": 0.6}
ARTICLE = {"layout": "article", "widths": [64, 128, 256, 512], "norm": None, "channels": 3, "outputs": 3}
PICTURES = {"axes": 2, "channels": 3}

# Measured with the original code: 2 modalities, 4 classes, three axes unless said.
COUNTS: list[tuple[str, dict[str, Any], int]] = [
    ("unet", CONTEXT, 1_781_744),
    ("unet", {"widths": [64, 128, 256, 512, 512], "up": "linear", "bias": True, **PICTURES, "outputs": 2}, 13_395_394),
    ("vnet", {}, 45_613_956),
    ("vnet", {"levels": 4}, 12_249_988),
    ("densenet_seg", {}, 2_697_811),
    ("densenet_seg", {"paths": "dual-single"}, 2_995_086),
    ("hyperdensenet", {}, 10_361_922),
    ("hyperdensenet", {"channels": 3}, 23_173_431),
    ("skipdensenet", {}, 1_552_256),
    ("densevoxelnet", {}, 1_783_296),
    ("resnet_vae", {}, 20_176_758),
    ("resnet_med", {"depth": 18}, 36_166_912),
    ("highresnet", {}, 810_308),
    ("covidnet", {"size": "small", **PICTURES, "outputs": 3}, 131_741_203),
    ("covidnet", {"size": "large", **PICTURES, "outputs": 3}, 134_513_939),
    # Çiçek et al. state 19,069,955; their transposed convolutions have no bias, ours 512 + 256 + 128.
    ("unet", ARTICLE, 19_069_955 + 896),
    # MONAI 1.6.1's resnet18, resnet50 and DenseNet121 of three axes, 1 channel, 2 outputs: 33,161,922, 46,163,010 and
    # 11,244,674; its shortcuts have biases before their norms, 896 and 3,840.
    ("resnet", {"channels": 1, "outputs": 2}, 33_161_922 - 896),
    ("resnet", {"channels": 1, "outputs": 2, "depth": 50}, 46_163_010 - 3_840),
    ("densenet", {"channels": 1, "outputs": 2}, 11_244_674),
]


def meta(name: str, **options: Any) -> Network:
    with torch.device("meta"):
        network: Network = SHELF.get(name)(**{"channels": 2, "outputs": 4, "axes": 3, **options})
    return network


@pytest.mark.parametrize(("name", "options", "parameters"), COUNTS)
def test_parameter_counts_are_the_published_ones(name: str, options: dict[str, Any], parameters: int) -> None:
    assert count(meta(name, **options))[0] == parameters


def test_the_two_paths_that_could_not_run_have_all_nine_layers() -> None:
    # The original's paths of 8 layers give 426 features where 503 are counted on; with them it would have 3,914,136 or so.
    # Two paths as in its form for three modalities: each one single path of one channel without its answer.
    one = count(meta("densenet_seg", channels=1))[0] - 4 * 150
    assert count(meta("densenet_seg", paths="dual"))[0] == 2 * one + 4 * 300
    network = SHELF.get("densenet_seg")(channels=2, outputs=4, axes=2, paths="dual").eval()
    assert network(torch.zeros(1, 2, 6, 5)).shape == (1, 4, 6, 5)


@pytest.mark.parametrize("depth", [10, 18, 34, 50])
def test_dilated_residual_networks_of_every_depth_answer_on_the_full_grid(depth: int) -> None:
    assert summary(meta("resnet_med", depth=depth), (32, 32, 32))[-1].shape == (4, 32, 32, 32)


@pytest.mark.parametrize("name", [n for n in SHELF.names() if n != "mlp"])
def test_every_network_of_volumes_has_a_layer_table(name: str) -> None:
    network = meta(name)
    rows = summary(network, (64, 64, 64))
    whole = totals(rows)
    beside = sum(p.numel() for n, p in network.named_parameters() if n.startswith(("body.vae", "body.side")))
    assert whole.parameters == count(network)[0] - beside, "all but what only training asks"
    assert whole.macs > 1e8
    assert whole.memory > 1e6


@pytest.mark.parametrize("paths", ["dual", "dual-single"])
def test_each_modality_has_weights_of_its_own(paths: str) -> None:
    network = SHELF.get("densenet_seg")(channels=2, outputs=2, axes=2, paths=paths)
    network(torch.randn(2, 2, 4, 4)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.body.parameters() if p.dim() > 1)


def test_a_dense_path_answers_each_sample_in_its_own_place() -> None:
    network = SHELF.get("hyperdensenet")(channels=2, outputs=2, axes=2, norm=None).eval()
    x = torch.randn(1, 2, 40, 40, generator=torch.Generator().manual_seed(1))
    other = x.clone()
    other[..., 0, 0] += 5
    away = (network(other) - network(x)).abs().amax(dim=1)[0]
    assert away[0, 0] > 0
    assert away[10:, :].max() == 0, "nine 3-wide convolutions see nine samples far"


def test_a_deeply_supervised_network_answers_on_every_grid_in_training_and_once_afterwards() -> None:
    network = SHELF.get("unet")(channels=1, outputs=2, axes=3, widths=(4, 4, 4, 4), deep_supervision=True)
    x = torch.randn(2, 1, 16, 8, 8)
    assert [tuple(y.shape[2:]) for y in network(x)] == [(16, 8, 8), (8, 4, 4), (4, 2, 2)]
    assert network.eval()(x).shape == (2, 2, 16, 8, 8)
    plain = SHELF.get("unet")(channels=1, outputs=2, axes=3, widths=(4, 4, 4, 4))
    assert set(plain.state_dict()) < set(network.state_dict()), "weights of one fit the other"


def test_thick_slices_are_halved_later() -> None:
    network = SHELF.get("unet")(channels=1, outputs=2, axes=3, widths=(4, 4, 4), strides=[[1, 2, 2], 2], kernels=[[1, 3, 3], 3, 3])
    assert network.multiples == (2, 4, 4)
    assert network(torch.zeros(2, 1, 6, 8, 4)).shape == (2, 2, 6, 8, 4)
    with pytest.raises(UsageError, match="multiple of 4"):
        network(torch.zeros(2, 1, 6, 6, 4))
    first = network.body.down[0][0]
    assert first.kernel_size == (1, 3, 3)
    assert first.padding == (0, 1, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "residul"},
        {"up": "nearest"},
        {"strides": [2]},
        {"kernels": [3, 3, 3]},
        {"strides": [2, 2, [2, 2, 2]]},
        {"blocks": [1, 1]},
        {"layout": "context", "deep_supervision": True},
    ],
)
def test_levels_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SHELF.get("unet")(channels=1, outputs=2, **options)


def test_an_autoencoder_gives_back_an_image_of_any_size() -> None:
    network = SHELF.get("resnet_vae")(channels=2, outputs=3, axes=2)
    answer, given_back, image, mean, log_variance = network(torch.randn(2, 2, 40, 24))
    assert answer.shape == (2, 3, 40, 24)
    assert given_back.shape == image.shape == (2, 2, 40, 24)
    assert mean.shape == log_variance.shape == (2, 128)
    assert torch.isfinite(log_variance).all()


SMALL: dict[str, dict[str, Any]] = {
    "covidnet": {"size": "small", "pooled": 1},
    "fcn": {"depth": 11, "classifier": "none"},
    "resnet_med": {"depth": 10},
    "vgg": {"depth": 11, "classifier": "pool"},
    "vnet": {"levels": 4},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in SHELF.names() if n != "mlp"])
def test_volumes_are_learnt_in_bf16_with_channels_last(name: str) -> None:
    network = SHELF.get(name)(channels=2, outputs=3, axes=3, **SMALL.get(name, {})).to(memory_format=torch.channels_last_3d)
    x = torch.randn(2, 2, 32, 32, 32).contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(x)
    parts = found if isinstance(found, tuple) else (found,)
    torch.autograd.backward(sum(part.float().square().mean() for part in parts))
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
