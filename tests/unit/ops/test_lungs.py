"""Lungs are found in a chest CT whatever lies in them, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal import io
from sagittal.core.geometry import Geometry
from sagittal.engine.content import lungs_in
from sagittal.engine.prepare import Preparation
from sagittal.errors import Refused, UsageError, said_of
from sagittal.ops.lungs import lungs
from sagittal.phantoms._thorax import thorax
from sagittal.phantoms.chest import chest


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    return chest(tmp_path_factory.mktemp("chest") / "data", patients=2, size=96, thickness=5.0)


@pytest.mark.parametrize("name", ["P001", "P002"])
def test_the_lungs_of_the_phantom_are_found_with_their_nodules_and_vessels(phantom, name):
    image, truth = io.read(phantom / "dicom" / name), io.read(phantom / "truth" / "lungs" / f"{name}.nii.gz")
    found = lungs_in(image.read(), image.geometry).on(truth.geometry)
    true = truth.read()[0] > 0
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.97
    assert (found & true).sum() / true.sum() > 0.98


def test_nodules_are_as_many_and_as_large_as_asked_for_and_apart(tmp_path):
    grid = Geometry(shape=(76, 76, 58), affine=np.array([[-5.0, 0, 0, 187], [0, -5, 0, 187], [0, 0, 5, -142], [0, 0, 0, 1]]), unit="mm")
    nodules = thorax(grid, np.random.default_rng(3), diameters=[20.0] * 40)[2]
    assert len(nodules) == 40, "where there is room for a nodule it is not left out for another's sake"
    places = np.array([n.centre for n in nodules])
    assert min(np.linalg.norm(a - b) for i, a in enumerate(places) for b in places[:i]) > 20
    data = chest(tmp_path / "chest", patients=4, size=48, thickness=8.0, diameters=[16, 36])
    listed = (data / "truth" / "nodules.csv").read_text().splitlines()[1:]
    assert {16 <= float(line.rpartition(",")[2]) <= 36 for line in listed} == {True}
    with pytest.raises(UsageError, match=r"diameters=\[36, 16\]"):
        chest(tmp_path / "wrong", diameters=[36, 16])


def test_only_the_lungs_are_seen_in_a_box_of_a_stated_size(phantom):
    image = io.read(phantom / "dicom" / "P001")
    plan = {"axes": 3, "names": image.channels, "low": (-1000.0,), "high": (400.0,), "clip": True, "upright": True}
    ready = Preparation(**plan, region="lungs", spacing=(4.0, 4.0, 4.0), size=(80, 56, 80)).ready(image)
    assert ready.grid.shape == (80, 56, 80)
    assert ready.grid.spacing == pytest.approx((4, 4, 4))
    values = ready.see(ready.grid)[0]
    assert (values > 0).mean() < 0.5, "around the lungs there is nothing"
    assert values.max() > 0.5, "vessels in them are seen"


def test_a_volume_without_lungs_is_refused():
    grid = Geometry(shape=(30, 30, 30), affine=np.diag([4.0, 4, 4, 1]), unit="mm")
    with pytest.raises(Refused, match="NO_LUNGS P007: "), said_of("P007"):
        lungs_in(np.full((1, *grid.shape), 40, np.int16), grid)


def with_gas(hu: np.ndarray) -> np.ndarray:
    """Two loops of bowel of 300 ml at the feet, as dark as air."""
    rng = np.random.default_rng(0)
    for left in (8, 28):
        hu[left : left + 12, 8:32, 1:10] = rng.normal(-985, 25, (12, 24, 9))
    return hu


def test_gas_in_the_bowel_is_no_lung():
    body = np.full((48, 40, 48), 40.0)
    body[:2] = body[-2:] = -1000
    both = with_gas(body.copy())
    both[6:20, 8:32, 15:45] = both[28:42, 8:32, 15:45] = -850
    found = lungs(both, (4.0, 4.0, 4.0))
    assert int(found.sum()) == 2 * 14 * 24 * 30
    assert not lungs(with_gas(body.copy()), (4.0, 4.0, 4.0)).any()


def test_the_room_around_the_patient_is_no_lung():
    assert not lungs(np.full((20, 20, 20), -1000.0), (4.0, 4.0, 4.0)).any()
