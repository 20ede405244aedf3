"""Borders that were drawn to one side of those in the image are told of, in the directions of the patient."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core import Geometry
from sagittal.data._aside import CLEAR, aside_of, borders_aside
from sagittal.data.audit import audit
from sagittal.data.discover import discover
from sagittal.phantoms.brain import brain

FINE = 8
AFFINES = {
    "RAS": np.eye(4),
    "LPS": np.diag([-1.0, -1.0, 1.0, 1.0]),
    "SRA": np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]),
}


def _case(seed, *, moved):
    """Two tissues in waves, seen in partial volume, and labels that were moved along the last axis by eighths of a sample."""
    rng = np.random.default_rng(seed)
    x, y, z = np.indices((32, 32, 48 * FINE), dtype=np.float64)
    waves = sum(np.sin(x * a + y * b + z / FINE * c) for a, b, c in rng.uniform(-0.5, 0.5, (12, 3)))
    fine = 1 + (waves > 0)
    image = (300.0 * fine).reshape(32, 32, 48, FINE).mean(-1) + rng.normal(0, 10, (32, 32, 48))
    labels = np.roll(fine, moved, axis=2)[:, :, FINE // 2 :: FINE]
    return image[None], labels


@pytest.mark.parametrize("name", AFFINES)
def test_what_is_moved_is_told_in_the_directions_of_the_patient(name):
    world = int(np.abs(AFFINES[name][:3, 2]).argmax())
    for moved in (-2, 2):
        image, labels = _case(1, moved=moved)
        grid = Geometry(shape=labels.shape, affine=AFFINES[name], unit="mm", frame="patient")
        told = np.array(aside_of(image, labels, 0, grid))
        # the sample in the middle of a voxel is one of two: half a fine sample
        wanted = (moved - 0.5) / FINE * AFFINES[name][world, 2]
        assert 0.65 < told[world] / wanted < 1.0
        assert np.abs(np.delete(told, world)).max() < abs(told[world]) / 2


def test_borders_to_the_background_do_not_count():
    image, labels = _case(1, moved=3)
    grid = Geometry(shape=labels.shape, affine=np.eye(4), unit="mm", frame="patient")
    assert np.isnan(aside_of(image, labels, 1, grid)).all()
    assert aside_of(image, labels, 1, Geometry(shape=labels.shape, affine=np.eye(4), unit="mm")) == ()


def test_a_finding_needs_cases_that_agree():
    rng = np.random.default_rng(0)
    clear = {str(n): (0.1 + v, v, np.nan) for n, v in enumerate(rng.normal(0, 0.02, 10))}
    [found] = borders_aside(clear)
    assert "samples to the right" in found.what and "front" not in found.what and found.n == 10
    assert not list(borders_aside(dict(list(clear.items())[:4])))  # too few
    assert not list(borders_aside({name: (v[0] - 0.1 + 0.9 * CLEAR, 0.0, 0.0) for name, v in clear.items()}))  # too little
    assert not list(borders_aside({name: (v[0] * (-1) ** int(name), 0.0, 0.0) for name, v in clear.items()}))  # either way


def test_labels_that_are_right_are_not_suspected(tmp_path):
    found = audit(discover(brain(tmp_path / "set", patients=5, spacing=4.0)).manifest, workers=0)
    assert "BORDERS_ASIDE" not in {f.code for f in found.findings}


@pytest.mark.real_data
@pytest.mark.slow
def test_ibsr_is_drawn_to_one_side_and_the_hippocampus_is_not(real_data):
    codes = {}
    for name in ("ibsr18", "msd_hippocampus"):
        codes[name] = {f.code: f.what for f in audit(discover(real_data / name).manifest, workers=0, near=False).findings}
    assert "to the left" in codes["ibsr18"]["BORDERS_ASIDE"] and "in 10 cases" in codes["ibsr18"]["BORDERS_ASIDE"]
    assert "BORDERS_ASIDE" not in codes["msd_hippocampus"]
