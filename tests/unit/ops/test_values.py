"""Powers and coarser samples, against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.ops.coarsen import averages, between, coarsen
from sagittal.ops.power import bend


@pytest.mark.parametrize("exponent", [0.3, 0.7, 1.0, 1.5, 3.0])
def test_powers_are_those_of_float64(exponent):
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(-2, 2, 100_000), 10 ** rng.uniform(-30, 0, 1000), [0.0, -0.0, 1.0, -1.0, 1e30, 2e-38]])
    values = values.astype(np.float32)
    with np.errstate(over="ignore"):
        wanted = np.sign(values) * np.abs(values.astype(np.float64)) ** exponent
    found = values.copy()
    bend(found, exponent)
    kept = (np.abs(wanted) < 1e38) & (np.abs(wanted) > 1e-37)
    np.testing.assert_allclose(found[kept], wanted[kept], rtol=1.5e-5)
    assert np.isfinite(found).all()
    assert np.abs(found[np.abs(wanted) <= 1e-37]).max() < 1e-36
    nothing = np.array([1e-39, -5e-45], np.float32)
    bend(nothing, exponent)
    assert (nothing == 0).all()
    unit = np.abs(wanted) <= 1
    assert np.abs(found[unit] - wanted[unit]).max() < 1e-6


def test_both_ends_of_a_range_stay():
    values = np.linspace(-3, 5, 9, dtype=np.float32)
    bent = values.copy()
    bend(bent, 2.0, low=-3, high=5)
    np.testing.assert_allclose(bent, -3 + 8 * ((values + 3) / 8) ** 2, atol=2e-6)
    flat = np.full(5, 2.0, np.float32)
    bend(flat, 2.0, low=2, high=2)
    assert (flat == 2).all()


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("samples", [1, 2, 5, 8])
def test_coarser_samples_are_the_matrices(axis, samples):
    values = np.random.default_rng(1).normal(size=(3, 9, 8, 10)).astype(np.float32)
    n = values.shape[axis]
    if samples > n:
        return
    both = between(samples, n) @ averages(n, samples)
    wanted = np.moveaxis(np.tensordot(both, values.astype(float), axes=(1, axis)), 0, axis)
    np.testing.assert_allclose(coarsen(values, axis, samples), wanted, atol=1e-6)
    np.testing.assert_allclose(both.sum(axis=1), 1)


def test_as_many_samples_as_before_change_nothing():
    values = np.random.default_rng(2).normal(size=(2, 7)).astype(np.float32)
    np.testing.assert_allclose(coarsen(values, 1, 7), values, atol=1e-6)
