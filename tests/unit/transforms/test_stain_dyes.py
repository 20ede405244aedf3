"""Amounts of dyes are changed in the space of the dyes."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.errors import UsageError
from sagittal.transforms.stain import DYES, stain

HE = DYES / np.linalg.norm(DYES, axis=1, keepdims=True)


def light(amounts):
    """``(3, n, 1)`` of amounts of haematoxylin, eosin and the rest, ``(n, 3)``."""
    return np.power(10.0, -np.asarray(amounts) @ HE).T[..., None].astype(np.float32)


def test_each_dye_is_scaled_and_shifted_by_itself():
    given = np.random.default_rng(0).uniform(0.05, 0.6, (40, 3))
    made = stain(amount=[1.5, 1.5], shift=[0.04, 0.04], by="dye").apply(light(given), np.random.default_rng(0))
    wanted = given * [1.5, 1.5, 1.0] + [0.04, 0.04, 0.0]
    assert np.allclose(made, light(wanted), atol=2e-5)


def test_haematoxylin_and_eosin_get_their_own_numbers():
    rng = np.random.default_rng(3)
    blue, pink = light([[0.5, 0, 0]]), light([[0, 0.5, 0]])
    both = np.concatenate([blue, pink], axis=1)
    made = stain(amount=[0.5, 2.0], shift=0, by="dye").apply(both.copy(), rng)
    amounts = -np.log10(made[..., 0].T) @ np.linalg.inv(HE)
    assert amounts[0, 0] / 0.5 != pytest.approx(amounts[1, 1] / 0.5, rel=0.05)
    assert np.allclose([amounts[0, 1], amounts[1, 0]], 0, atol=1e-4)


def test_alpha_and_grey_pictures_are_safe():
    values = np.full((4, 5, 5), 0.5, np.float32)
    assert (stain(by="dye").apply(values, np.random.default_rng(0))[3] == 0.5).all()
    grey = stain(amount=[2, 2], shift=0, by="dye").apply(np.full((1, 2, 2), 0.5, np.float32), np.random.default_rng(0))
    assert np.allclose(grey, 0.25)


def test_another_space_is_refused():
    with pytest.raises(UsageError, match="neither colour nor dye"):
        stain(by="hsv")
