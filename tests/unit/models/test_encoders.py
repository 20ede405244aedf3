"""Dense networks on published classifiers: their weights load by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sagittal.engine.optimize import optimizer_for
from sagittal.engine.settings import TrainSettings
from sagittal.engine.weights import load_into
from sagittal.errors import UsageError
from sagittal.models.densenet import densenet
from sagittal.models.encoder_unet import encoder_unet
from sagittal.models.fcn import fcn
from sagittal.models.resnet import resnet
from sagittal.models.vgg import vgg


def published(path: Path, network: torch.nn.Module) -> Path:
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    return path


@pytest.mark.parametrize(
    ("encoder", "family", "name"), [("resnet", resnet, "resnet18"), ("densenet", densenet, "densenet121"), ("vgg", vgg, "vgg11_bn")]
)
def test_a_u_net_takes_the_weights_of_a_classifier(tmp_path: Path, encoder: str, family: Any, name: str) -> None:
    more = {"depth": 11, "norm": "batch"} if encoder == "vgg" else {}
    classifier = family(channels=3, outputs=5, generator=torch.Generator().manual_seed(3), **more, **_pool(encoder))
    network = encoder_unet(channels=1, outputs=2, encoder=encoder, **more)  # type: ignore[arg-type]
    assert network.published == name
    loaded = load_into(network, published(tmp_path / "w.safetensors", classifier))
    last = {k for k in classifier.state_dict() if k.startswith(("fc.", "classifier."))}
    assert set(loaded.unexpected) == last
    assert len(loaded.adapted) == 1, "three colours became one"
    assert all(k.startswith("decoder.") for k in loaded.missing)
    x = torch.randn(1, 3, 64, 32)
    colour = encoder_unet(channels=3, outputs=2, encoder=encoder, **more).eval()  # type: ignore[arg-type]
    load_into(colour, tmp_path / "w.safetensors")
    deepest = colour.trunk.eval()(x)[-1]
    pooled = dict(classifier.eval().stages)["pool"](_before_pool(classifier, x))
    assert torch.allclose(deepest.mean(dim=(2, 3)), pooled, atol=1e-4)


def _pool(encoder: str) -> dict[str, Any]:
    return {"classifier": "pool"} if encoder == "vgg" else {}


def _before_pool(classifier: Any, x: torch.Tensor) -> torch.Tensor:
    for _, stage in classifier.stages[:-2]:
        x = stage(x)
    return x


def test_the_maps_that_join_the_way_up_halve_from_grid_to_grid() -> None:
    with torch.device("meta"):
        for encoder in ("resnet", "densenet", "vgg"):
            network = encoder_unet(channels=3, outputs=2, encoder=encoder).eval()  # type: ignore[arg-type]
            maps = network.trunk.eval()(torch.empty(1, 3, 64, 96))
            assert [tuple(m.shape[2:]) for m in maps] == [(64 // 2**i, 96 // 2**i) for i in range(6)]


def test_a_u_net_is_frozen_up_to_its_way_up() -> None:
    network = encoder_unet(channels=1, outputs=2)
    assert network.freeze("features") == ("stem", "layer1", "layer2", "layer3", "layer4")
    assert all(p.requires_grad == name.startswith("decoder.") for name, p in network.named_parameters())


def test_fcn_takes_vgg_with_its_fully_connected_layers(tmp_path: Path) -> None:
    # narrow stand-ins of the published shapes would not be the published shapes: only names and counts are compared
    with torch.device("meta"):
        classifier, network = vgg(channels=3, outputs=1000), fcn(channels=3, outputs=2)
    theirs, ours = classifier.state_dict(), network.state_dict()
    assert {k for k in theirs if k not in ours} == {"classifier.6.weight", "classifier.6.bias"}
    assert all(ours[k].shape == theirs[k].shape for k in theirs if k in ours)
    assert network.published == "vgg16"
    small = fcn(channels=3, outputs=2, depth=11, classifier="none", generator=torch.Generator().manual_seed(1))
    loaded = load_into(small, published(tmp_path / "vgg.safetensors", vgg(channels=3, outputs=2, depth=11, classifier="pool")))
    assert all(k.startswith("decoder.") for k in loaded.missing)


def test_a_fully_connected_layer_that_slides_gives_what_it_gave() -> None:
    from sagittal.models._blocks.convolved import Convolved

    layer = Convolved(3, 5, kernel=7, axes=2)
    x = torch.randn(2, 3, 7, 7)
    assert torch.allclose(layer(x)[:, :, 3, 3], torch.nn.functional.linear(x.flatten(1), layer.weight, layer.bias), atol=1e-5)


@pytest.mark.parametrize(("stride", "kernels"), [(32, [64]), (16, [4, 32]), (8, [4, 4, 16])])
def test_the_steps_to_the_full_grid_are_the_articles(stride: int, kernels: list[int]) -> None:
    with torch.device("meta"):
        network = fcn(channels=3, outputs=2, stride=stride)  # type: ignore[arg-type]
    ups = list(network.decoder.ups)
    assert [up.kernel_size for up in ups] == [(k, k) for k in kernels]
    assert [up.stride for up in ups] == [(k // 2, k // 2) for k in kernels]


def test_a_bilinear_start_interpolates() -> None:
    network = fcn(channels=1, outputs=2, depth=11, classifier="none", start="bilinear")
    up = network.decoder.ups[0].eval()
    ramp = torch.arange(6.0).reshape(1, 1, 6, 1).expand(1, 2, 6, 6).contiguous()
    found, wanted = up(ramp), torch.nn.functional.interpolate(ramp, scale_factor=2, mode="bilinear")
    assert torch.allclose(found[..., 2:-2, 2:-2], wanted[..., 2:-2, 2:-2], atol=1e-5)


def test_weight_decay_acts_on_the_way_up_alone() -> None:
    network = fcn(channels=1, outputs=2, depth=11, classifier="none", decay="up")
    for settings in (TrainSettings(weight_decay=0.1), TrainSettings(weight_decay=0.1, decay_all=True)):
        groups = optimizer_for(network, settings).param_groups
        decayed = {id(p) for g in groups if g["weight_decay"] > 0 for p in g["params"]}
        names = {name for name, p in network.named_parameters() if id(p) in decayed}
        assert names
        assert all(name.startswith("decoder.") for name in names)
    whole = optimizer_for(fcn(channels=1, outputs=2, depth=11, classifier="none"), TrainSettings(weight_decay=0.1)).param_groups
    assert any(p.shape[1:] == (512, 3, 3) for g in whole if g["weight_decay"] > 0 for p in g["params"])


@pytest.mark.parametrize("options", [{"stride": 4}, {"start": "zeros"}, {"decay": "down"}, {"classifier": "pool"}])
def test_a_wrong_option_of_fcn_says_what_there_is(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        fcn(channels=1, outputs=2, **options)
