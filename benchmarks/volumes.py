"""A training patch out of a volume of two modalities and its label map: ours against the libraries in use, on one core.

Every peer works on the patch alone (its crop is a slice of an array in memory), which is its fastest way and repeats the
border where a turn looks outside; ours reads the prepared, memory-mapped case and sees what lies around the patch.
Each does the same on every turn: a turn of up to 10 degrees in all planes, a zoom of up to 1.1, flips along all axes, noise and gamma,
then the same with a bend of the shape. Labels are read by the nearest voxel, which is what all of them do fastest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import Contest, Row, compare
from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops.randomness import generator
from sagittal.ops.warp import gather_pair
from sagittal.transforms._compose import Augmentation

VOLUME, PATCH = (256, 192, 144), (128, 128, 64)
TURN, ZOOM, NOISE, GAMMA = 10.0, 1.1, 0.05, (0.7, 1.5)
STRAIGHT = {
    "affine": {"rotate": TURN, "scale": [1 / ZOOM, ZOOM], "shift": 0},
    "flip": "any",
    "noise": {"sd": [NOISE, NOISE]},
    "gamma": GAMMA,
}
CELLS, BEND = 4, 0.03
BENT = {**STRAIGHT, "elastic": {"strength": [BEND, BEND], "cells": CELLS}}

Way = Callable[[Window, int], object]


def rows(*, turns: int = 7, folder: Path | None = None) -> list[Row]:
    """Both contests; ``folder`` is for other files of this directory."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    patches = [Window(tuple(int(rng.integers(n - s + 1)) for n, s in zip(VOLUME, PATCH, strict=True)), PATCH) for _ in range(6)]
    found = []
    with tempfile.TemporaryDirectory() as place:
        values, labels = _case(Path(place))
        for path, config, elastic, target in (("affine", STRAIGHT, False, 3.5), ("elastic", BENT, True, 10.0)):
            peers = {name: way for name, make in PEERS.items() if (way := make(values, labels, elastic=elastic)) is not None}
            contest = Contest(
                path=f"patch, {path}, noise, gamma, flip",
                inputs=patches,
                ours=ours(values, labels, config),
                peers=peers,
                targets=dict.fromkeys(peers, target),
            )
            found += compare(contest, turns=turns)
        del values, labels  # before the folder goes: Windows holds on to mapped files
    return found


def ours(values: np.ndarray, labels: np.ndarray, config: dict[str, object]) -> Way:
    """From the memory-mapped case to tensors."""
    augment = Augmentation.of(config)
    grid = Geometry(shape=VOLUME, affine=np.eye(4), unit="mm")

    def sample(window: Window, turn: int) -> object:
        rng = generator(turn, *window.start)
        through = augment.read_map(grid, grid.at(window), rng)
        image, label = gather_pair(values, labels, through, label_outside=0)
        return torch.from_numpy(augment.intensities(image, rng)), torch.from_numpy(label)

    return sample


def monai(values: np.ndarray, labels: np.ndarray, *, elastic: bool) -> Way | None:
    """Dictionary transforms; the bend and the turn are one resampling there too."""
    try:
        from monai import transforms as peer
        from monai.data import set_track_meta
    except ImportError:
        return None
    keys, modes, angle = ["image", "label"], ["bilinear", "nearest"], float(np.deg2rad(TURN))
    motion = {"prob": 1.0, "rotate_range": (angle,) * 3, "scale_range": (ZOOM - 1,) * 3, "mode": modes, "padding_mode": "border"}
    moved = (
        peer.Rand3DElasticd(keys, sigma_range=(5, 8), magnitude_range=(50, 100), **motion) if elastic else peer.RandAffined(keys, **motion)
    )
    chain = peer.Compose(
        [
            moved,
            *(peer.RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in range(3)),
            peer.RandGaussianNoised(["image"], prob=1.0, std=NOISE, sample_std=False),
            peer.RandAdjustContrastd(["image"], prob=1.0, gamma=GAMMA),
        ]
    )
    set_track_meta(False)
    return lambda window, turn: chain(_cut(values, labels, window))


def torchio(values: np.ndarray, labels: np.ndarray, *, elastic: bool) -> Way | None:
    """Subjects made of the patch; the bend and the turn are one resampling there too."""
    try:
        import torchio as peer
    except ImportError:
        return None
    motion = {"scales": ZOOM - 1, "degrees": TURN, "translation": 0}
    bend = {"num_control_points": CELLS + 3, "max_displacement": 4.0, "locked_borders": 0}
    moved = (
        peer.RandomAffineElasticDeformation(affine_kwargs=motion, elastic_kwargs=bend)
        if elastic
        else peer.RandomAffine(**motion, default_pad_value="mean")
    )
    gamma = tuple(float(v) for v in np.log(GAMMA))
    noise = peer.RandomNoise(mean=0, std=(NOISE, NOISE))
    chain = peer.Compose([moved, peer.RandomFlip(axes=(0, 1, 2), flip_probability=0.5), noise, peer.RandomGamma(log_gamma=gamma)])

    def sample(window: Window, turn: int) -> object:
        cut = _cut(values, labels, window)
        return chain(peer.Subject(image=peer.ScalarImage(tensor=cut["image"]), label=peer.LabelMap(tensor=cut["label"])))

    return sample


def batchgenerators(values: np.ndarray, labels: np.ndarray, *, elastic: bool, labels_by: str = "nearest") -> Way | None:
    """nnU-Net's transforms, each of them on."""
    try:
        from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
        from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
        from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
        from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
        from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
    except ImportError:
        return None
    angle = float(np.deg2rad(TURN))
    moved = SpatialTransform(
        PATCH,
        0,
        random_crop=False,
        p_elastic_deform=float(elastic),
        elastic_deform_scale=(0.1, 0.2),
        elastic_deform_magnitude=(2, 5),
        p_rotation=1.0,
        rotation=(-angle, angle),
        p_scaling=1.0,
        scaling=(1 / ZOOM, ZOOM),
        p_synchronize_scaling_across_axes=1.0,
        mode_seg=labels_by,
        padding_mode_image="border",
        border_mode_seg="border",
    )
    noise = GaussianNoiseTransform(noise_variance=(NOISE, NOISE), p_per_channel=1.0, synchronize_channels=True)
    gamma = GammaTransform(gamma=GAMMA, p_invert_image=0.0, synchronize_channels=True, p_per_channel=1.0, p_retain_stats=0.0)
    chain = ComposeTransforms([moved, noise, gamma, MirrorTransform((0, 1, 2))])

    def sample(window: Window, turn: int) -> object:
        cut = _cut(values, labels, window)
        return chain(image=cut["image"], segmentation=cut["label"])

    return sample


def batchgenerators_default(values: np.ndarray, labels: np.ndarray, *, elastic: bool) -> Way | None:
    """With labels as nnU-Net reads them: a linear vote of every class."""
    return batchgenerators(values, labels, elastic=elastic, labels_by="bilinear")


PEERS: dict[str, Callable[..., Way | None]] = {
    "MONAI": monai,
    "TorchIO": torchio,
    "batchgeneratorsv2": batchgenerators,
    "batchgeneratorsv2, label vote": batchgenerators_default,
}


def _cut(values: np.ndarray, labels: np.ndarray, window: Window) -> dict[str, torch.Tensor]:
    """The patch as tensors of its own."""
    image = np.array(values[(slice(None), *window.slices)])
    return {"image": torch.from_numpy(image), "label": torch.from_numpy(np.array(labels[window.slices])[None])}


def _case(place: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two modalities and four classes, memory-mapped: balls in one another under noise."""
    rng = np.random.default_rng(1)
    away = np.sqrt(sum(((np.arange(n) - n / 2).reshape([-1 if a == b else 1 for b in range(3)]) / n) ** 2 for a, n in enumerate(VOLUME)))
    labels = np.digitize(away, [0.2, 0.3, 0.4])[::1].astype(np.uint8)
    values = np.stack([np.float32([0.8, 0.6, 0.4, 0.1])[labels], np.float32([0.3, 0.7, 0.5, 0.1])[labels]])
    values += rng.normal(0, 0.03, values.shape).astype(np.float32)
    np.save(place / "values.npy", np.clip(values, 0, 1))
    np.save(place / "labels.npy", labels)
    return np.load(place / "values.npy", mmap_mode="r"), np.load(place / "labels.npy", mmap_mode="r")
