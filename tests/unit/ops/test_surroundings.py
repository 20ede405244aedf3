"""Surroundings that were blanked with another number than 0 are brought to 0, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.ops.scale import measured
from sagittal.ops.surroundings import from_zero


@pytest.fixture
def head():
    inside = np.linalg.norm(np.moveaxis(np.indices((20, 20, 20)), 0, -1) - 9.5, axis=-1) < 8
    return inside, np.where(inside, np.random.default_rng(0).normal(500, 60, inside.shape).round(), 0).astype(np.float32)


def test_a_scan_that_was_normalised_before_gives_what_it_gave_before(head):
    inside, values = head
    own = (values - values.mean()) / values.std()
    assert own[0, 0, 0] < -0.5
    moved, plain = from_zero(own[None]), values[None]
    assert (moved[0] == 0).sum() == (~inside).sum()
    made = [scale.normalise(scale.unit(v))[0][inside] for v in (moved, plain) for scale in [measured(v, "nonzero")]]
    assert np.abs(made[0] - made[1]).max() < 1e-4


def test_each_channel_has_its_own_surroundings(head):
    inside, values = head
    moved = from_zero(np.stack([values, values - 7, values + 3]))
    assert (moved[:, ~inside] == 0).all() and np.array_equal(moved[0], values)


@pytest.mark.parametrize("kind", ["zero", "noise", "below", "corner", "small", "nan"])
def test_what_is_no_blanked_surroundings_stays(head, kind):
    inside, values = head
    given = values.copy()
    if kind == "noise":
        given = values + np.random.default_rng(1).normal(10, 3, values.shape).astype(np.float32)
    elif kind == "below":
        given = np.where(inside, values - 500, 1).astype(np.float32)  # the surroundings are not the least number
    elif kind == "corner":
        given = values + 5
        given[:, :, 0] = 6
    elif kind == "small":
        given[inside] += 1
        given[~inside] = np.arange(int((~inside).sum())) % 7 + 1
        given[np.ix_((0, -1), (0, -1), (0, -1))] = 1
    elif kind == "nan":
        given = np.where(inside, values, np.nan).astype(np.float32)
    assert from_zero(given[None])[0].base is given or np.array_equal(from_zero(given[None])[0], given, equal_nan=True)
