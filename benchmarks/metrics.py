"""Scores and tidying of label maps: 256 x 256 x 256, four classes, against the packages of the field."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from benchmarks.measure import Contest, Row, compare
from sagittal.core import Geometry, Labels
from sagittal.metrics._masks import Masks
from sagittal.metrics.assd import assd
from sagittal.metrics.dice import dice
from sagittal.metrics.hd95 import hd95
from sagittal.metrics.iou import iou
from sagittal.metrics.nsd import nsd
from sagittal.metrics.voxel_precision import voxel_precision
from sagittal.metrics.voxel_sensitivity import voxel_sensitivity
from sagittal.ops.components import largest
from sagittal.ops.holes import fill_holes

SIDE, CLASSES = 256, 4
LABELS = Labels(classes=("ground", "a", "b", "c", "d"), background="ground")
GRID = Geometry(shape=(SIDE,) * 3, affine=np.eye(4), unit="mm")
Maps = tuple[np.ndarray, np.ndarray]
Way = Callable[[Maps, int], object]


def rows(*, turns: int = 7, folder: Path | None = None) -> list[Row]:
    """Overlaps; surfaces; the largest component; holes."""
    maps = drawn()
    few = max(1, turns // 3)  # the peers' surfaces take many seconds each
    size = f"{SIDE}^3, {CLASSES} classes"
    found = [
        ("overlaps", overlaps, {"nnU-Net": (nnunet, 25), "MONAI one-hot": (monai_one_hot, 10), "MONAI index": (monai_index, 10)}, turns),
        (
            "HD95 + NSD + ASSD",
            surfaces,
            {"MONAI": (monai_surfaces, 10), "SimpleITK": (itk_surfaces, 10), "surface-distance": (deepmind, 10)},
            few,
        ),
        ("largest component", lambda m, _: largest(m[1]), {"MONAI": (monai_largest, 5)}, turns),
        ("holes", lambda m, _: fill_holes(m[1]), {"SimpleITK": (itk_holes, 3), "MONAI": (monai_holes, None)}, turns),
    ]
    table: list[Row] = []
    for path, ours, ways, times in found:
        there: dict[str, tuple[Way, float | None]] = {peer: way for peer, way in ways.items() if _installed(peer)}
        for peer, (way, _) in there.items():
            agree(path, peer, ours(maps, 0), way(maps, 0))
        contest = Contest(
            path=f"{path}, {size}",
            inputs=[maps],
            ours=ours,
            peers={peer: way for peer, (way, _) in there.items()},
            targets={peer: target for peer, (_, target) in there.items() if target is not None},
        )
        table += compare(contest, turns=times)
    return table


def drawn(seed: int = 0) -> Maps:
    """Blobs of four classes with holes and stray pieces, and the same with other borders: Dice is about .94."""
    rng = np.random.default_rng(seed)
    small = SIDE // 4
    smooth = np.stack([gaussian_filter(rng.normal(size=(small,) * 3), 4) for _ in range(CLASSES)])
    smooth /= smooth.std()
    other = smooth + 1.5 * np.stack([gaussian_filter(rng.normal(size=(small,) * 3), 2) for _ in range(CLASSES)])

    def labels(scores: np.ndarray) -> np.ndarray:
        full = np.stack([zoom(s, 4, order=1) for s in scores])
        return np.where(full.max(axis=0) < 1.2, 0, full.argmax(axis=0) + 1).astype(np.uint8)

    truth, answer = labels(smooth), labels(other)
    for z, y, x in rng.integers(0, SIDE - 6, (400, 3)):
        answer[z : z + 3, y : y + 4, x : x + 2] = 0
    return truth, answer


def masks(maps: Maps) -> Masks:
    return Masks(truth=maps[0], answer=maps[1], grid=GRID, labels=LABELS)


def overlaps(maps: Maps, _: int) -> object:
    """Five scores from one count."""
    case = masks(maps)
    found = [metric().of(case) for metric in (dice, iou, voxel_sensitivity, voxel_precision)]
    return found[0]


def surfaces(maps: Maps, _: int) -> object:
    case = masks(maps)
    return [metric().of(case) for metric in (hd95, nsd, assd)]


def nnunet(maps: Maps, _: int) -> object:
    from nnunetv2.evaluation.evaluate_predictions import compute_tp_fp_fn_tn, region_or_label_to_mask

    found = {}
    for k in range(1, CLASSES + 1):
        tp, fp, fn, _tn = compute_tp_fp_fn_tn(*(region_or_label_to_mask(m, k) for m in maps), None)
        found[LABELS.classes[k]] = 2 * tp / (2 * tp + fp + fn)
    return found


def one_hot(maps: Maps) -> list[Any]:
    """The answer and the truth as MONAI wants them; its users have them so, and the time does not count."""
    import torch

    key = id(maps[0])
    if key not in _KEPT:
        _KEPT[key] = [torch.from_numpy(np.stack([m == k for k in range(CLASSES + 1)])[None]).float() for m in maps[::-1]]
    return _KEPT[key]


_KEPT: dict[int, list[Any]] = {}


def monai_one_hot(maps: Maps, _: int) -> object:
    from monai.metrics import compute_dice

    return dict(zip(LABELS.classes[1:], compute_dice(*one_hot(maps), include_background=False)[0].tolist(), strict=True))


def monai_index(maps: Maps, _: int) -> object:
    import torch
    from monai.metrics import DiceHelper

    helper = DiceHelper(include_background=False, num_classes=CLASSES + 1, reduction="none", get_not_nans=False)
    found = helper(*(torch.from_numpy(m[None, None].astype(np.int64)) for m in maps[::-1]))
    return dict(zip(LABELS.classes[1:], found[0].tolist(), strict=True))


def monai_surfaces(maps: Maps, _: int) -> object:
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

    y = one_hot(maps)
    return [
        compute_hausdorff_distance(*y, percentile=95, spacing=1.0),
        compute_surface_dice(*y, [1.0] * CLASSES, spacing=1.0),
        compute_average_surface_distance(*y, symmetric=True, spacing=1.0),
    ]


def itk_surfaces(maps: Maps, _: int) -> object:
    import SimpleITK as sitk  # noqa: N813 - its usual name

    found = []
    for k in range(1, CLASSES + 1):
        images = [sitk.GetImageFromArray((m == k).astype(np.uint8)) for m in maps]
        ways = []
        for one, other in (images, images[::-1]):
            # A view dies with its image, which therefore has a name.
            away, border = (
                sitk.Abs(sitk.SignedMaurerDistanceMap(one, squaredDistance=False, useImageSpacing=True)),
                sitk.LabelContour(other),
            )
            ways.append(sitk.GetArrayViewFromImage(away)[sitk.GetArrayViewFromImage(border) > 0])
        both = np.concatenate(ways)
        found.append((max(np.percentile(w, 95) for w in ways), (both <= 1).mean(), both.mean()))
    return found


def deepmind(maps: Maps, _: int) -> object:
    from surface_distance import metrics

    found: list[dict[str, float]] = [{}, {}, {}]
    for k, name in enumerate(LABELS.classes[1:], start=1):
        far = metrics.compute_surface_distances(maps[0] == k, maps[1] == k, (1.0, 1.0, 1.0))
        areas = [far["surfel_areas_gt"], far["surfel_areas_pred"]]
        found[0][name] = metrics.compute_robust_hausdorff(far, 95)
        found[1][name] = metrics.compute_surface_dice_at_tolerance(far, 1.0)
        there, back = metrics.compute_average_surface_distance(far)
        found[2][name] = (there * areas[0].sum() + back * areas[1].sum()) / sum(a.sum() for a in areas)
    return found


def monai_largest(maps: Maps, _: int) -> object:
    import torch
    from monai.transforms import KeepLargestConnectedComponent

    keep = KeepLargestConnectedComponent(applied_labels=list(range(1, CLASSES + 1)), is_onehot=False, independent=True)
    return np.asarray(keep(torch.from_numpy(maps[1][None])))[0]


def itk_holes(maps: Maps, _: int) -> object:
    import SimpleITK as sitk  # noqa: N813 - its usual name

    filled = maps[1].copy()
    for k in range(1, CLASSES + 1):
        whole = sitk.BinaryFillhole(sitk.GetImageFromArray((maps[1] == k).astype(np.uint8)))
        filled[(sitk.GetArrayViewFromImage(whole) > 0) & (filled == 0)] = k
    return filled


def monai_holes(maps: Maps, _: int) -> object:
    from monai.transforms import FillHoles

    # It writes into what it is given, and takes a way over corners for one out: another rule.
    return FillHoles(connectivity=1)(maps[1][None].copy())


def agree(path: str, peer: str, ours: Any, theirs: Any) -> None:
    """Refuse to compare the speed of different answers, where the definitions are the same.

    Raises:
        ValueError: The answers differ.
    """
    if path == "overlaps":
        same = all(abs(ours[name] - theirs[name]) < 1e-5 for name in ours)
    elif path == "largest component" or (peer == "SimpleITK" and path == "holes"):
        same = np.array_equal(ours, theirs)
    elif peer == "surface-distance":
        same = all(abs(a[name] - b[name]) < 1e-6 for a, b in zip(ours, theirs, strict=True) for name in a)
    else:
        return
    if not same:
        raise ValueError(f"{path}: ours and {peer} do not agree")


def _installed(peer: str) -> bool:
    module = {"nnU-Net": "nnunetv2", "SimpleITK": "SimpleITK", "surface-distance": "surface_distance"}.get(peer, "monai")
    return importlib.util.find_spec(module) is not None


def _one_thread() -> None:
    """SimpleITK takes all cores otherwise; CPU time is compared."""
    if _installed("SimpleITK"):
        import SimpleITK as sitk  # noqa: N813 - its usual name

        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    if _installed("MONAI"):
        import torch

        torch.set_num_threads(1)
    if _installed("surface-distance"):
        import scipy.ndimage

        # surface-distance 0.1 still asks for a module that scipy 2 drops.
        if not hasattr(scipy.ndimage, "filters"):
            scipy.ndimage.filters = scipy.ndimage


_one_thread()
