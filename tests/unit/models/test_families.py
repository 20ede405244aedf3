"""The published families: parameter counts, names of weights, the network of the published OCT tutorial."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from sagittal.errors import UsageError
from sagittal.models._network import Network, count
from sagittal.models.densenet import densenet
from sagittal.models.preact_resnet import preact_resnet
from sagittal.models.resnet import resnet
from sagittal.models.unet import unet
from sagittal.models.vgg import vgg

PUBLISHED = [
    (vgg, {"depth": 11}, 132_863_336),
    (vgg, {"depth": 11, "norm": "batch"}, 132_868_840),
    (vgg, {"depth": 13}, 133_047_848),
    (vgg, {"depth": 13, "norm": "batch"}, 133_053_736),
    (vgg, {"depth": 16}, 138_357_544),
    (vgg, {"depth": 16, "norm": "batch"}, 138_365_992),
    (vgg, {"depth": 19}, 143_667_240),
    (vgg, {"depth": 19, "norm": "batch"}, 143_678_248),
    (resnet, {"depth": 18}, 11_689_512),
    (resnet, {"depth": 34}, 21_797_672),
    (resnet, {"depth": 50}, 25_557_032),
    (resnet, {"depth": 101}, 44_549_160),
    (resnet, {"depth": 152}, 60_192_808),
    (densenet, {"depth": 121}, 7_978_856),
    (densenet, {"depth": 169}, 14_149_480),
    (densenet, {"depth": 201}, 20_013_928),
]


@pytest.mark.parametrize(("family", "options", "parameters"), PUBLISHED)
def test_parameter_counts_are_the_published_ones(family: Callable[..., Network], options: dict[str, object], parameters: int) -> None:
    with torch.device("meta"):
        network = family(channels=3, outputs=1000, **options)
    assert count(network) == (parameters, parameters)


def s0() -> Network:
    return vgg(channels=3, outputs=4, depth=16, head=[256], dropout=0.4)


def test_s0_has_135_310_404_parameters_of_which_1_049_860_learn() -> None:
    with torch.device("meta"):
        network = s0()
        network.freeze("features")
    assert count(network) == (135_310_404, 1_049_860)


def test_s0_replaces_the_last_layer_only() -> None:
    with torch.device("meta"):
        keys = list(s0().state_dict())
    assert keys[-8:] == [f"classifier.{n}.{w}" for n in ("0", "3", "6.0", "6.3") for w in ("weight", "bias")]


@pytest.mark.parametrize(
    ("network", "key", "shape"),
    [
        (lambda: vgg(channels=3, outputs=1000), "features.28.weight", (512, 512, 3, 3)),
        (lambda: vgg(channels=3, outputs=1000), "classifier.6.bias", (1000,)),
        (lambda: vgg(channels=3, outputs=1000, depth=19, norm="batch"), "features.49.weight", (512, 512, 3, 3)),
        (lambda: vgg(channels=3, outputs=1000, depth=19, norm="batch"), "features.50.running_var", (512,)),
        (lambda: resnet(channels=3, outputs=1000, depth=50), "layer4.0.downsample.1.num_batches_tracked", ()),
        (lambda: resnet(channels=3, outputs=1000, depth=50), "layer4.2.conv3.weight", (2048, 512, 1, 1)),
        (lambda: resnet(channels=3, outputs=1000), "fc.weight", (1000, 512)),
        (lambda: densenet(channels=3, outputs=1000), "features.denseblock4.denselayer16.conv2.weight", (32, 128, 3, 3)),
        (lambda: densenet(channels=3, outputs=1000), "features.transition3.conv.weight", (512, 1024, 1, 1)),
        (lambda: densenet(channels=3, outputs=1000), "classifier.weight", (1000, 1024)),
    ],
)
def test_weights_carry_the_published_names(network: Callable[[], Network], key: str, shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        state = network().state_dict()
    assert tuple(state[key].shape) == shape


def test_all_but_last_leaves_one_layer() -> None:
    with torch.device("meta"):
        network = s0()
        frozen = network.freeze("all-but-last")
    assert count(network)[1] == 256 * 4 + 4
    assert frozen[-1] == "full2"


def test_stages_are_frozen_by_name_and_thawed_again() -> None:
    network = resnet(channels=1, outputs=2)
    assert network.freeze(["stem", "layer1"]) == ("stem", "layer1")
    assert not network.conv1.weight.requires_grad
    assert network.layer2[0].conv1.weight.requires_grad
    assert not network.trunk_is_frozen
    assert network.freeze(None) == ()
    assert count(network)[0] == count(network)[1]
    with pytest.raises(UsageError, match="did you mean layer1"):
        network.freeze("layr1")


def test_frozen_norms_keep_their_statistics_in_training() -> None:
    network = resnet(channels=1, outputs=2)
    network.freeze(["stem"])
    network.train()
    network(torch.randn(4, 1, 32, 32))
    assert network.bn1.num_batches_tracked == 0
    assert network.layer1[0].bn1.num_batches_tracked == 1


@pytest.mark.parametrize("activation", ["relu", "leaky", "prelu", "rrelu", "elu", "noisy", "tanh", "sigmoid"])
def test_every_activation_is_an_option(activation: str) -> None:
    network = preact_resnet(channels=1, outputs=2, widths=(4, 8), blocks=1, activation=activation)
    assert torch.isfinite(network(torch.randn(2, 1, 8, 8))).all()


@pytest.mark.parametrize("norm", ["batch", "instance", "group", None])
def test_every_norm_is_an_option(norm: str | None) -> None:
    network = preact_resnet(channels=1, outputs=2, widths=(4, 8), blocks=1, norm=norm)
    assert torch.isfinite(network(torch.randn(2, 1, 8, 8))).all()


@pytest.mark.parametrize(
    ("stem", "stride", "inputs"), [("fold", 1, 1), ("fold", 2, 4), ("fold", 4, 16), ("pool", 1, 1), ("pool", 2, 4), ("pool", 4, 4)]
)
def test_a_stem_makes_the_grid_coarser_by_its_stride(stem: str, stride: int, inputs: int) -> None:
    network = preact_resnet(channels=1, outputs=2, widths=(4, 8), blocks=1, stem=stem, stem_stride=stride)
    convolution = next(m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    assert convolution.in_channels == inputs, "folded into channels; the rest is pooled"
    assert dict(network.stages)["stem"](torch.zeros(1, 1, 16, 32)).shape == (1, 4, 16 // stride, 32 // stride)


def test_a_wrong_size_is_refused_with_the_next_good_one() -> None:
    network = unet(channels=1, outputs=2, widths=(4, 8, 8))
    with pytest.raises(UsageError, match="pad to 252"):
        network(torch.zeros(1, 1, 250, 252))


def test_a_net_for_tables_refuses_pictures_and_the_other_way_round() -> None:
    from sagittal.models.mlp import mlp

    with pytest.raises(UsageError, match="for tables"):
        mlp(channels=3, outputs=2, axes=2)
    with pytest.raises(UsageError, match="choose mlp"):
        resnet(channels=3, outputs=2, axes=0)


@pytest.mark.parametrize("options", [{"depth": 17}, {"activation": "rleu"}, {"norm": "bach"}])
def test_a_wrong_option_says_what_there_is(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        vgg(channels=3, outputs=2, **options)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_folding_space_into_channels_is_a_strided_convolution(axes: int) -> None:
    from sagittal.models._blocks.layers import conv
    from sagittal.models._blocks.shapes import SpaceToChannels

    x = torch.randn(2, 3, *(8, 6, 4)[:axes], generator=torch.Generator().manual_seed(1))
    strided = conv(axes, 3, 5, kernel=2, stride=2)
    strided.padding = (0,) * axes
    folded = conv(axes, 3 * 2**axes, 5, kernel=1)
    with torch.no_grad():
        # channel c, offset o of the kernel is input c * 2 ** axes + o of the folded one
        folded.weight.copy_(strided.weight.reshape(5, -1, *(1,) * axes))
        folded.bias.copy_(strided.bias)
        assert torch.allclose(folded(SpaceToChannels(2)(x)), strided(x), atol=1e-5)


def test_an_unknown_stem_is_refused() -> None:
    with pytest.raises(UsageError, match="fold"):
        preact_resnet(channels=1, outputs=2, stem="flod", stem_stride=4)


def test_noisy_relu_is_quiet_after_training() -> None:
    from sagittal.models._blocks.activations import activation

    layer, x = activation("noisy"), torch.randn(1000)
    assert not torch.equal(layer(x), x.clamp(min=0))
    assert torch.equal(layer.eval()(x), x.clamp(min=0))
