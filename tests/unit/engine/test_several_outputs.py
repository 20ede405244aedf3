"""Networks that give more than the answer in training learn in the ordinary loop."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sagittal.losses._of_network import of_network
from sagittal.losses.dice_ce import dice_ce
from sagittal.models._members import Members
from sagittal.models._network import Network
from sagittal.models.densevoxelnet import densevoxelnet
from sagittal.models.resnet_vae import resnet_vae
from sagittal.models.unet import unet

fitting = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_fitting.py"))))


class Masks(fitting.Pictures):
    """What is bright belongs to the object."""

    def __init__(self, n: int = 16, **more: object) -> None:
        super().__init__(n, **more)
        self.images = torch.nn.functional.pad(self.images, (0, 8 - fitting.SIDE) * 2)
        self.targets = (self.images[:, 0] > 0.3).long()


def quick(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, tuple[float, int]]:
    # the answer on the full grid, also where there are others
    assert outputs.shape[-2:] == targets.shape[-2:]
    return {"accuracy": (float((outputs.argmax(dim=1) == targets).float().mean(dim=(1, 2)).sum()), len(targets))}


def deep(seed: int = 0) -> Network:
    g = torch.Generator().manual_seed(seed)
    return unet(channels=1, outputs=2, widths=(8, 8, 8), deep_supervision=True, generator=g)


@pytest.mark.parametrize(
    "model",
    [
        deep,
        lambda: Members(deep, 2, 0),
        lambda: resnet_vae(channels=1, outputs=2, axes=2),
        lambda: densevoxelnet(channels=1, outputs=2, axes=2),
    ],
    ids=["deep", "members", "vae", "second answer"],
)
def test_a_network_with_several_outputs_learns(tmp_path, model):
    network = model()
    loss = of_network(dice_ce(), network.several)
    settings = replace(fitting.FULL, epochs=4, lr=1e-2, stop=None)
    sources = {"train": Masks(batch=8), "val": Masks(8, batch=8, seed=1, shuffle=False)}
    fitted = fitting.run(tmp_path, settings, model=network, loss=loss, measure=quick, **sources)
    losses = [float(line.split(",")[1]) for line in (tmp_path / "log.csv").read_text().splitlines()[1:]]
    assert len(losses) == 4
    assert fitted is not None
    network.eval()
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 2, 8, 8)
