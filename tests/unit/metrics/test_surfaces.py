"""Distances between surfaces against published cases, other packages and slow twins."""

import numpy as np
import pytest
import scipy.ndimage
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter

from sagittal.core import Geometry, Labels
from sagittal.errors import UsageError
from sagittal.metrics._case import ABSENT, ADDED, MISSED
from sagittal.metrics._masks import Masks
from sagittal.metrics._surfaces import surfaces
from sagittal.metrics.assd import assd
from sagittal.metrics.dice import dice
from sagittal.metrics.hd import hd
from sagittal.metrics.hd95 import hd95
from sagittal.metrics.nsd import nsd
from sagittal.ops import surface

LABELS = Labels(classes=("ground", "a", "b"), background="ground")
SURFACE = (hd, hd95, assd)


def grid_of(shape, spacing):
    return Geometry(shape=shape, affine=np.diag([*spacing, 1.0]), unit="mm")


def measure(metric, truth, answer, spacing=None):
    truth, answer = np.asarray(truth).astype(int), np.asarray(answer).astype(int)
    return metric.measure(truth, answer, grid_of(truth.shape, spacing or (1.0,) * truth.ndim), LABELS)["a"]


def directed(pair):
    """The mean distances there and back, as the surface-distance package tells them."""
    return [float(way.lengths @ way.areas / way.areas.sum()) for way in (pair.there, pair.back)]


def blobs(shape, seed, level=0.01):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=shape), 3)
    return smooth > level, gaussian_filter(rng.normal(size=shape), 3) * 0.5 + smooth > level * 1.2


def test_published_single_pixels_two_apart():
    truth, answer = np.zeros((128, 128), bool), np.zeros((128, 128), bool)
    truth[50, 70], answer[50, 72] = True, True
    pair = surfaces(truth, answer, grid_of(truth.shape, (2, 1)), "surface-distance")
    assert directed(pair) == pytest.approx([1.5, 1.5])
    assert pair.reach(1) == pair.reach(0.95) == 2.0 and pair.within(1) == pytest.approx(0.5)


def test_published_two_cubes():
    truth, answer = np.zeros((100, 100, 100), bool), np.zeros((100, 100, 100), bool)
    truth[0:50], answer[0:51] = True, True
    grid = grid_of(truth.shape, (2, 1, 1))
    pair = surfaces(truth, answer, grid, "surface-distance")
    assert directed(pair) == pytest.approx([0.322, 0.339], abs=0.001)
    assert pair.reach(1) == 2.0 and pair.within(1) == pytest.approx(0.836, abs=0.0005)
    near = [float(way.areas[way.lengths <= 1].sum() / way.areas.sum()) for way in (pair.there, pair.back)]
    assert near == pytest.approx([0.842, 0.830], abs=0.0005)
    assert measure(dice(), truth, answer) == pytest.approx(0.990, abs=0.0005)


def test_the_areas_are_those_of_the_surface_distance_package():
    tables = pytest.importorskip("surface_distance.lookup_tables")
    # Its byte counts the corners of a cell the other way round.
    turned = [int(f"{code:08b}"[::-1], 2) for code in range(256)]
    rng = np.random.default_rng(0)
    for spacing in [(1.0, 1.0, 1.0), *rng.uniform(0.2, 5, (8, 3))]:
        wanted = tables.create_table_neighbour_code_to_surface_area(tuple(spacing))
        np.testing.assert_allclose(surface.areas(np.diag(spacing)), wanted[turned], rtol=1e-12)


@pytest.mark.parametrize(("shape", "spacing"), [((14, 30, 28), (1.0, 1, 1)), ((14, 30, 28), (3.0, 0.7, 0.5)), ((60, 50), (0.6, 2.1))])
@pytest.mark.parametrize("level", [0.01, 0.06])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_score_is_that_of_the_surface_distance_package(shape, spacing, level, monkeypatch):
    oracle = pytest.importorskip("surface_distance.metrics")
    monkeypatch.setattr(scipy.ndimage, "filters", scipy.ndimage, raising=False)  # it is older than scipy 2
    truth, answer = blobs(shape, 3, level)
    found = oracle.compute_surface_distances(truth, answer, spacing)
    pair = surfaces(truth, answer, grid_of(shape, spacing), "surface-distance")
    assert directed(pair) == pytest.approx(oracle.compute_average_surface_distance(found))
    for percent in (50, 95, 100):
        assert pair.reach(percent / 100) == pytest.approx(oracle.compute_robust_hausdorff(found, percent))
    for tolerance in (0.4, 1.05, 2.2):
        assert pair.within(tolerance) == pytest.approx(oracle.compute_surface_dice_at_tolerance(found, tolerance))
    assert pair.mean() == pytest.approx(
        sum(float(found[f"distances_{d}"] @ found[f"surfel_areas_{s}"]) for d, s in (("gt_to_pred", "gt"), ("pred_to_gt", "pred")))
        / sum(found[f"surfel_areas_{s}"].sum() for s in ("gt", "pred"))
    )


def by_transform(truth, answer, spacing):
    """Distances from each border sample to the other border by scipy's distance transform."""
    border = lambda m: m & ~binary_erosion(m)  # noqa: E731
    to = lambda m: distance_transform_edt(~border(m), sampling=spacing)  # noqa: E731
    return to(answer)[border(truth)], to(truth)[border(answer)]


@pytest.mark.parametrize(("shape", "spacing"), [((14, 30, 28), (1.0, 1, 1)), ((14, 30, 28), (3.0, 0.7, 0.5)), ((60, 50), (0.6, 2.1))])
def test_monai_s_convention_against_the_distance_transform(shape, spacing):
    truth, answer = blobs(shape, 0)
    there, back = by_transform(truth, answer, spacing)
    assert measure(assd(convention="monai"), truth, answer, spacing) == pytest.approx(np.concatenate([there, back]).mean())
    assert measure(hd(convention="monai"), truth, answer, spacing) == pytest.approx(max(there.max(), back.max()))
    wanted = max(np.percentile(there, 95), np.percentile(back, 95))
    assert measure(hd95(convention="monai"), truth, answer, spacing) == pytest.approx(wanted)
    wanted = (np.concatenate([there, back]) <= 1).mean()
    assert measure(nsd(convention="monai"), truth, answer, spacing) == pytest.approx(wanted)


def test_monai_says_the_same_where_it_is_installed():
    metrics = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    spacing = (3.0, 0.7, 0.5)
    truth, answer = blobs((14, 30, 28), 0)
    y, said = (torch.from_numpy(np.stack([~m, m])[None].astype(np.float32)) for m in (truth, answer))
    options = {"include_background": False, "spacing": spacing}
    pairs = [
        (hd95(convention="monai"), metrics.compute_hausdorff_distance(said, y, percentile=95, **options)),
        (hd(convention="monai"), metrics.compute_hausdorff_distance(said, y, **options)),
        (assd(convention="monai"), metrics.compute_average_surface_distance(said, y, symmetric=True, **options)),
        (nsd(convention="monai"), metrics.compute_surface_dice(said, y, [1.0], **options)),
    ]
    for metric, wanted in pairs:
        assert measure(metric, truth, answer, spacing) == pytest.approx(float(wanted), rel=1e-5)


def test_simpleitk_says_the_same_of_the_farthest_point():
    sitk = pytest.importorskip("SimpleITK")
    truth, answer = blobs((14, 30, 28), 0)
    images = [sitk.GetImageFromArray(m.astype(np.uint8)) for m in (truth, answer)]
    for image in images:
        image.SetSpacing((0.5, 0.7, 3.0))
    # Of the masks, not of their surfaces: the directed distance from a border to the other mask, which is 0 inside of it.
    measured = sitk.HausdorffDistanceImageFilter()
    measured.Execute(*images)
    there, back = (
        distance_transform_edt(~other, sampling=(3.0, 0.7, 0.5))[one & ~binary_erosion(one)].max()
        for one, other in ((truth, answer), (answer, truth))
    )
    assert measured.GetHausdorffDistance() == pytest.approx(max(there, back))
    assert measure(hd(convention="monai"), truth, answer, (3.0, 0.7, 0.5)) >= measured.GetHausdorffDistance() - 1e-6


@pytest.mark.parametrize("near", [1, 20, 1000])
@pytest.mark.parametrize("sheared", [False, True])
def test_distances_are_exact_wherever_they_are_looked_up(near, sheared, monkeypatch):
    """However few places are tried before the tree; also of slanted grids, at the edge of the grid, and far apart."""
    monkeypatch.setattr(surface, "NEAR", near)
    rng = np.random.default_rng(near)
    one, other = (rng.random((9, 14, 17)) < share for share in (0.05, 0.01))
    other[:, :, :9] = False
    linear = np.diag([3.0, 0.7, 0.5]) + (np.tril(rng.uniform(-0.4, 0.4, (3, 3)), -1) if sheared else 0)
    found = surface.distances(one.view(np.uint8), other.view(np.uint8), linear, np.ones(256))
    between = np.linalg.norm((np.argwhere(one)[:, None] - np.argwhere(other)[None]) @ linear.T, axis=-1).min(axis=1)
    np.testing.assert_allclose(np.repeat(found.lengths, found.areas.astype(int)), np.sort(between))


def test_a_slanted_grid_is_measured_in_the_world():
    truth, answer = np.zeros((6, 6), int), np.zeros((6, 6), int)
    truth[1, 1], answer[2, 1] = 1, 1
    grid = Geometry(shape=(6, 6), affine=np.array([[3.0, 0, 0], [4, 1, 0], [0, 0, 1]]), unit="mm")
    assert hd(convention="monai").measure(truth, answer, grid, LABELS)["a"] == pytest.approx(5.0)


def test_a_cube_has_the_area_of_its_faces_less_its_edges():
    cube = np.ones((20, 20, 20), bool)
    found = surface.distances(surface.cells(cube), surface.cells(cube), np.eye(3), surface.areas(np.eye(3)))
    flat, edge, corner = 6 * 19**2, 12 * 19 * np.sqrt(0.5), 8 * np.sqrt(3) / 8
    assert found.areas.sum() == pytest.approx(flat + edge + corner) and found.lengths.tolist() == [0.0]


def test_missed_added_and_absent_structures_are_named_and_never_infinite():
    empty, one = np.zeros((4, 4), int), np.eye(4, dtype=int)
    for metric in SURFACE:
        assert measure(metric(), one, empty) == MISSED
    assert measure(nsd(), one, empty) == 0.0
    for metric in (*SURFACE, nsd):
        assert measure(metric(), empty, one) == ADDED
        assert measure(metric(), empty, empty) == ABSENT
        assert measure(metric(), one, one) == (1.0 if metric is nsd else 0.0)
    unknown = np.where(np.eye(4) > 0, -1, 0)
    assert measure(assd(), unknown, one) == ABSENT


def test_a_mask_that_fills_the_grid_has_a_surface():
    full = np.ones((3, 3), int)
    for convention in ("surface-distance", "monai"):
        assert measure(assd(convention=convention), full, full) == 0.0
        assert measure(hd(convention=convention), full, np.eye(3, dtype=int)) > 0


def test_a_tolerance_can_be_told_for_each_class():
    truth, answer = np.zeros((9, 9), int), np.zeros((9, 9), int)
    truth[2, 2:5], answer[2, 3:6], truth[6, 2:5], answer[6, 3:6] = 1, 1, 2, 2
    found = nsd(tolerance={"b": 0.5, "others": 2}).measure(truth, answer, grid_of((9, 9), (1, 1)), LABELS)
    assert found["a"] == 1.0 and found["b"] < 1
    assert found["b"] == nsd(tolerance=0.5).measure(truth, answer, grid_of((9, 9), (1, 1)), LABELS)["b"]
    assert "0.5 for b" in nsd(tolerance={"b": 0.5}).convention
    for wrong in (-1, "1", True, {"a": None}, float("inf")):
        with pytest.raises(UsageError, match="tolerance"):
            nsd(tolerance=wrong)


def test_the_score_names_its_convention():
    assert "surface-distance" in hd95().convention and "MONAI" in hd95(convention="monai").convention
    assert "tolerance of 2 " in nsd(tolerance=2).convention


def test_metrics_of_one_case_measure_its_surfaces_once(monkeypatch):
    calls = []
    monkeypatch.setattr("sagittal.metrics._masks.surfaces", lambda *given: calls.append(1) or surfaces(*given))
    truth, answer = blobs((20, 20), 0)
    masks = Masks(truth=truth.astype(int), answer=answer.astype(int), grid=Geometry.picture((20, 20)), labels=LABELS)
    for metric in (hd(), hd95(), assd(), nsd(), nsd(tolerance=3)):
        metric.of(masks)
    assert len(calls) == 1
    hd(convention="monai").of(masks)
    assert len(calls) == 2


def test_the_part_that_is_looked_at_does_not_change_the_score():
    truth, answer = blobs((14, 20, 18), 5, 0.06)
    wide = [np.pad(m, ((9, 3), (0, 7), (40, 2))) for m in (truth, answer)]
    for metric in (hd95(), assd(), nsd(), hd95(convention="monai")):
        assert measure(metric, *wide) == pytest.approx(measure(metric, np.pad(truth, 1), np.pad(answer, 1)))
