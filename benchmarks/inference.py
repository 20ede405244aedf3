"""Sliding-window inference: ours beside MONAI's and nnU-Net's on the same network, in time and in memory.

Three questions: what merging costs beyond the network's own time on the same windows; how much memory a CT takes; and how
long a small U-Net takes in everyone's default settings, which for us means windows as large as the budget allows.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import itertools
import json
import math
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Row
from sagittal.core import Geometry, Image, Labels, Window
from sagittal.engine.infer import Predictor
from sagittal.engine.plan import Part, Plan
from sagittal.engine.prepare import Preparation
from sagittal.engine.settings import Feeding, TrainSettings
from sagittal.models._network import Network
from sagittal.models.unet import unet
from sagittal.ops.ring import fade
from sagittal.windows._windowing import places

CLASSES, PATCH, OVERLAP = 4, 96, 0.5
BRAIN, CT = (256, 192, 144), (512, 512, 300)
MAX_RAM = 4.0
UNIT = 100.0
"""What becomes 1 for the network."""

Way = Callable[[np.ndarray], np.ndarray]
"""From ``(1, *shape)`` int16, as a CT lies in memory, to labels ``shape``."""


class Cheap(Network):
    """One product a class and sample: what is left is the merging."""

    def __init__(self) -> None:
        super().__init__(axes=3, channels=1, outputs=CLASSES, multiple=8, dense=True)
        self.last = torch.nn.Conv3d(1, CLASSES, 1)
        with torch.no_grad():
            self.last.weight[:] = torch.tensor([-2.0, -0.5, 0.5, 2.0]).reshape(-1, 1, 1, 1, 1)
            # Where two classes are equal no stored value lies: rounding would decide there.
            self.last.bias[:] = torch.tensor([0.0, 0.9031, 0.9031, 0.0])

    @property
    def stages(self) -> list[tuple[str, torch.nn.Module]]:
        return [("head", self.last)]


def small_unet() -> Network:
    """Of 16 to 128 channels."""
    return unet(channels=1, outputs=CLASSES, axes=3, widths=(16, 32, 64, 128), generator=torch.Generator().manual_seed(0))


def rows(*, turns: int = 7, folder: Path | None = None) -> list[Row]:
    """Overhead, memory and default settings against each peer that is installed."""
    torch.set_num_threads(1)
    found = [*_overhead(turns), *_memory()]
    return found + _defaults()


def _overhead(turns: int) -> list[Row]:
    net, values = Cheap().eval(), volume(BRAIN)
    ways: dict[str, Way] = {"ours": ours(copy.deepcopy(net), None), **{n: peer(copy.deepcopy(net)) for n, peer in PEERS.items()}}
    taken: dict[str, list[float]] = {name: [] for name in (*ways, "network")}
    for way in ways.values():
        way(values)
    for turn in range(turns):
        taken["network"].append(_seconds(lambda: _alone(net, values)))
        names = list(ways)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            taken[name].append(_seconds(lambda way=ways[name]: way(values)))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    beside = {name: max(seconds - medians["network"], 1e-6) for name, seconds in medians.items()}
    wanted = _exact(net, values)
    agree = float((ways["ours"](values) == wanted).mean())
    return [
        Row(
            path=f"merging beside the network, {'x'.join(map(str, BRAIN))}",
            peer=name,
            ours_s=beside["ours"],
            peer_s=beside[name],
            ratio=beside[name] / beside["ours"],
            peak_mb=0.0,
            target=2.0,
            off=1 - agree,
        )
        for name in PEERS
    ]


def _memory() -> list[Row]:
    peaks = {name: _in_a_child(name) for name in ("ours", *PEERS)}
    return [
        Row(
            path=f"memory beyond the volume, {'x'.join(map(str, CT))}",
            peer=name,
            ours_s=peaks["ours"]["seconds"],
            peer_s=peaks[name]["seconds"],
            ratio=peaks[name]["mb"] / peaks["ours"]["mb"],
            peak_mb=peaks["ours"]["mb"],
            target=3.0,
        )
        for name in PEERS
    ]


def _defaults() -> list[Row]:
    """A U-Net takes long enough that one turn tells."""
    net, values = small_unet().eval(), volume(BRAIN)
    ways: dict[str, Way] = {"ours": ours(copy.deepcopy(net), MAX_RAM), **{n: peer(copy.deepcopy(net)) for n, peer in PEERS.items()}}
    same = ours(copy.deepcopy(net), None)
    small = volume((PATCH,) * 3)
    for way in (*ways.values(), same):
        way(small)
    taken = {name: _seconds(lambda way=way: way(values)) for name, way in {**ways, "ours, windows of 96": same}.items()}
    mine = taken.pop("ours")
    size = "x".join(map(str, BRAIN))
    return [
        Row(path=f"small U-Net by default, {size}", peer=name, ours_s=mine, peer_s=s, ratio=s / mine, peak_mb=0.0, target=2.0)
        for name, s in taken.items()
    ]


def ours(network: Network, max_ram: float | None) -> Way:
    """Our predictor; None takes the peers' windows."""
    plan = Plan(
        task="segmentation",
        labels=Labels(classes=tuple(f"c{i}" for i in range(CLASSES)), background="c0"),
        preparation=Preparation(axes=3, names=("value",), high=(UNIT,)),
        windows=Part(name="patches", options={"size": PATCH, "overlap": OVERLAP}),
        unit="case",
        model=Part(name="unet"),
        pretrained=None,
        freeze=None,
        members=1,
        views=1,
        augment={},
        loss=Part(name="dice_ce"),
        feeding=Feeding(),
        train=TrainSettings(),
        flips=(),
        sensitivity=0.95,
        abstain_error=0.05,
        explain=Part(name="grad_cam"),
        explain_cases=1,
        seed=0,
        fingerprint="0" * 64,
    )
    predictor = Predictor(plan=replace(plan, max_ram=max_ram), task=plan.row, members=[network])

    def way(values: np.ndarray) -> np.ndarray:
        image = Image.of(values, Geometry(shape=values.shape[1:], affine=np.eye(4), unit="mm"), channels=("value",))
        return np.asarray(next(predictor.answer([("case", image)])).answer)

    return way


def monai(network: Network) -> Way:
    """With its Gaussian; its own default is constant weights, which cost it less and answer worse."""
    from monai.inferers import sliding_window_inference

    @torch.inference_mode()
    def way(values: np.ndarray) -> np.ndarray:
        logits = sliding_window_inference(
            torch.from_numpy(scaled(values))[None], (PATCH,) * 3, sw_batch_size=1, predictor=network, overlap=OVERLAP, mode="gaussian"
        )
        return np.asarray(logits[0].argmax(dim=0).to(torch.uint8))

    return way


def nnunet(network: Network) -> Way:
    """Without mirrored views, on the CPU."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor: Any = nnUNetPredictor(
        tile_step_size=1 - OVERLAP, use_mirroring=False, perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.network = network
    predictor.configuration_manager = SimpleNamespace(patch_size=[PATCH] * 3)
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=CLASSES)
    predictor.allowed_mirroring_axes = None

    def way(values: np.ndarray) -> np.ndarray:
        logits = predictor.predict_sliding_window_return_logits(torch.from_numpy(scaled(values)))
        return np.asarray(logits.argmax(dim=0).to(torch.uint8))

    return way


PEERS: Mapping[str, Callable[[Network], Way]] = {
    name: way
    for name, module, way in (("MONAI, Gaussian", "monai", monai), ("nnU-Net", "nnunetv2", nnunet))
    if importlib.util.find_spec(module) is not None
}


def volume(shape: tuple[int, ...]) -> np.ndarray:
    """Smooth ups and downs with noise, ``(1, *shape)`` int16."""
    rng = np.random.default_rng(0)
    waves = [np.sin(np.linspace(0, 9, n, dtype=np.float32)) for n in shape]
    values = waves[0][:, None, None] + waves[1][None, :, None] + waves[2]
    values += 0.3 * rng.standard_normal(shape, dtype=np.float32)
    return np.rint(UNIT * values).astype(np.int16)[None]


def scaled(values: np.ndarray) -> np.ndarray:
    """What the network sees."""
    return np.multiply(values, np.float32(1 / UNIT), dtype=np.float32)


def _windows(shape: tuple[int, ...]) -> list[Window]:
    return [Window(at, (PATCH,) * 3) for at in itertools.product(*(places(n, PATCH, OVERLAP) for n in shape))]


@torch.inference_mode()
def _alone(network: Network, values: np.ndarray) -> None:
    values = scaled(values)
    for window in _windows(values.shape[1:]):
        network(torch.from_numpy(np.ascontiguousarray(values[(slice(None), *window.slices)]))[None])


@torch.inference_mode()
def _exact(network: Network, values: np.ndarray) -> np.ndarray:
    """Probabilities of the same windows merged in float64."""
    exact = copy.deepcopy(network).double()
    total = np.zeros((CLASSES, *values.shape[1:]))
    weight = math.prod(np.ix_(*[fade(PATCH)] * 3))
    for window in _windows(values.shape[1:]):
        part = torch.from_numpy(values[(slice(None), *window.slices)] / UNIT)[None]
        total[(slice(None), *window.slices)] += weight * torch.softmax(exact(part), dim=1)[0].numpy()
    return total.argmax(axis=0)


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _in_a_child(name: str) -> dict[str, float]:
    """The peak of resident memory beyond the volume, and the CPU seconds, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--memory", name], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _measured(name: str) -> None:
    """In the child: warm up on something small, then answer a CT while its memory is watched."""
    torch.set_num_threads(1)
    way = ours(Cheap().eval(), None) if name == "ours" else PEERS[name](Cheap().eval())
    way(volume((PATCH + 8,) * 3))
    values, process = volume(CT), psutil.Process()
    base, peak, stop = process.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.002):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seconds = _seconds(lambda: way(values))
    stop.set()
    watcher.join()
    sys.stdout.write(json.dumps({"mb": (peak[0] - base) / 2**20, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", required=True)
    _measured(parser.parse_args().memory)
