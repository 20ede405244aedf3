"""On a GPU: a batch of patches read on the device against our workers' kernels, and steps of a U-Net in bf16 against fp32.

Seconds are of the wall clock, with the device waited for. The reading of the device counts all that happens behind the worker's
memory-mapped case: cutting, padding, locking, copying, the gather, the intensities; that of the workers, the kernels of one core
and the copy. A machine without a GPU is told so and has no rows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import Row
from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.data.batch import Batch
from sagittal.data.dataset import Key, Unread
from sagittal.data.ready import Ready
from sagittal.data.streams import GEOMETRIC, INTENSITY
from sagittal.data.unread import together
from sagittal.engine.batch_read import Reading
from sagittal.engine.learner import Learner, Place
from sagittal.engine.ranks import Ranks
from sagittal.engine.settings import Precision, TrainSettings
from sagittal.losses.dice_ce import dice_ce
from sagittal.models.unet import unet
from sagittal.ops.randomness import generator
from sagittal.ops.scale import Scale
from sagittal.ops.warp import ReadMap
from sagittal.transforms._compose import Augmentation

VOLUME, PATCH, BATCH, CLASSES = (256, 192, 144), (128, 128, 64), 4, 3
AUGMENT = {
    "affine": {"rotate": 10, "scale": [0.9, 1.1], "shift": 0},
    "flip": "any",
    "elastic": {"strength": [0.03, 0.03], "cells": 4},
    "gamma": [0.7, 1.5],
    "blur": {"sigma": 1.0, "p": 0.2},
    "noise": 0.05,
}
WIDTHS = (32, 64, 128, 256)
PRECISIONS: tuple[Precision, Precision] = ("bf16", "fp32")


def rows(*, turns: int = 7, folder: Path | None = None) -> list[Row]:
    """Both contests; ``folder`` is for other files of this directory."""
    if not torch.cuda.is_available():
        print("no GPU on this machine: benchmarks/gpu.py has no rows")
        return []
    return measured(torch.device("cuda"), turns=turns)


def measured(device: torch.device, *, turns: int, volume: Sequence[int] = VOLUME, patch: Sequence[int] = PATCH) -> list[Row]:
    """The rows of a device; smaller shapes try the code out where there is none."""
    torch.set_num_threads(1)
    case = _Case(tuple(volume), tuple(patch), device)
    read = _row(f"batch of {BATCH} patches read, elastic", "our kernels, one core", case.on_device, case.by_workers, device, turns=turns)
    batch = case.on_device(0)
    halves, full = (_steps(batch, TrainSettings(precision=precision, batch=BATCH, ema=0.99), device) for precision in PRECISIONS)
    return [read, _row("training step, U-Net, bf16", "fp32", halves, full, device, turns=turns)]


class _Case:
    """A prepared case of two modalities with its labels, and two ways to a batch of its patches."""

    def __init__(self, volume: tuple[int, ...], patch: tuple[int, ...], device: torch.device) -> None:
        rng = np.random.default_rng(0)
        grid = Geometry(shape=volume, affine=np.eye(4), unit="mm")
        values = rng.uniform(size=(2, *volume)).astype(np.float32)
        self._ready = Ready(values=values, geometry=grid, grid=grid, scale=Scale(mean=(0.5, 0.4), std=(0.2, 0.3)))
        self._labels = rng.integers(0, CLASSES, volume).astype(np.uint8)
        self._patch, self._device = patch, device
        self._augmentation = Augmentation.of(AUGMENT)
        self._reading = Reading(augmentation=self._augmentation, seed=0, thin=None, device=device)

    def on_device(self, turn: int) -> Batch:
        """As a run on a GPU does it."""
        batch = together([self._unread(key) for key in _keys(turn)])
        return self._reading(batch.pin_memory() if self._device.type == "cuda" else batch)

    def by_workers(self, turn: int) -> tuple[torch.Tensor, torch.Tensor]:
        """As the workers do it, and to the device."""
        pairs = [self._sample(key) for key in _keys(turn)]
        images, labels = (torch.from_numpy(np.stack(some)) for some in zip(*pairs, strict=True))
        return images.to(self._device), labels.long().to(self._device)

    def _map(self, key: Key) -> ReadMap:
        rng = generator(0, key.epoch, key.index)
        start = tuple(int(rng.integers(n - s + 1)) for n, s in zip(self._ready.grid.shape, self._patch, strict=True))
        place = self._ready.grid.at(Window(start, self._patch))
        return self._augmentation.read_map(self._ready.geometry, place, generator(0, key.epoch, key.index, GEOMETRIC))

    def _unread(self, key: Key) -> Unread:
        onto = self._map(key)
        values, into = self._ready.near(onto)
        window = onto.window(self._labels.shape)
        scale = self._ready.scale
        return Unread(
            values=values, onto=into, scale=scale, target=None, labels=self._labels[window.slices], labels_onto=into, id="", key=key
        )

    def _sample(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        unit, labels = self._ready.pair(self._labels, self._map(key))
        changed = self._augmentation.intensities(unit, generator(0, key.epoch, key.index, INTENSITY))
        return self._ready.normalise(changed), labels


def _keys(turn: int) -> list[Key]:
    return [Key(epoch=turn, index=n) for n in range(BATCH)]


def _steps(batch: Batch, settings: TrainSettings, device: torch.device) -> Callable[[int], object]:
    """Steps of a network of its own on one batch."""
    network = unet(channels=2, outputs=CLASSES, axes=3, widths=WIDTHS, generator=torch.Generator().manual_seed(0))
    learner = Learner(network, dice_ce(), settings, ranks=Ranks(device), device=device, seed=0)
    return lambda turn: learner.step([batch], place=Place(0, turn), rate=1.0, number=turn + 1)


def _row(path: str, peer: str, ours: Callable[[int], object], theirs: Callable[[int], object], device: torch.device, *, turns: int) -> Row:
    """Both by turns, each as often first as second."""
    for way in (ours, theirs):
        for turn in range(3):
            _seconds(way, turn, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    taken: tuple[list[float], list[float]] = [], []
    for turn in range(2 * turns):
        for k in (turn % 2, 1 - turn % 2):
            taken[k].append(_seconds((ours, theirs)[k], turn, device))
    peak = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0
    ours_s, theirs_s = (statistics.median(times) for times in taken)
    return Row(path=path, peer=peer, ours_s=ours_s, peer_s=theirs_s, ratio=theirs_s / ours_s, peak_mb=peak)


def _seconds(way: Callable[[int], object], turn: int, device: torch.device) -> float:
    begun = time.perf_counter()
    way(turn)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun
