"""Intensities of volumes and of values of any range."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sagittal.errors import UsageError
from sagittal.ops.randomness import generator
from sagittal.transforms._compose import Augmentation
from sagittal.transforms.bias import bias
from sagittal.transforms.gamma import gamma
from sagittal.transforms.jitter import jitter
from sagittal.transforms.low_resolution import low_resolution
from sagittal.transforms.modality_dropout import modality_dropout
from sagittal.transforms.noise import noise

SHAPES = [(24, 20), (16, 12, 18)]


def sample(channels: int, shape: tuple[int, ...]) -> np.ndarray:
    return generator(0).uniform(0.1, 0.9, (channels, *shape)).astype(np.float32)


def standard(channels: int, shape: tuple[int, ...]) -> np.ndarray:
    """A mean of 0 and a standard deviation of 1, 10, 100 ..., with bright outliers: what z-scored and stored values look like."""
    drawn = generator(1).standard_gamma(2.0, (channels, *shape)) - 2
    return (drawn / drawn.std() * 10.0 ** np.arange(channels).reshape(-1, *(1,) * len(shape))).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_over_the_patch_keeps_range_and_order_of_any_values(shape):
    values = standard(3, shape)
    found = gamma(gamma=[1.4, 1.4], scale="patch").apply(values.copy(), generator(0))
    for was, now in zip(values, found, strict=True):
        wide = was.max() - was.min()
        np.testing.assert_allclose([now.min(), now.max()], [was.min(), was.max()], atol=1e-5 * wide)
        np.testing.assert_allclose(now, was.min() + wide * ((was - was.min()) / wide) ** 1.4, atol=1e-5 * wide)
        assert stats.spearmanr(was.ravel(), now.ravel()).statistic > 0.9999
    # a gamma of the unit scale would not keep the middle: it pulls values apart on both sides of 0
    assert not np.allclose(gamma(gamma=[1.4, 1.4]).apply(values.copy(), generator(0)), found, rtol=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_over_the_patch_of_one_value_changes_nothing(shape):
    values = np.full((2, *shape), -3.0, np.float32)
    assert (gamma(scale="patch").apply(values.copy(), generator(0)) == values).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_may_be_a_share_of_each_channels_own_spread(shape):
    values = standard(3, shape)
    added = noise(sd=[0.2, 0.2], scale="patch").apply(values.copy(), generator(0)) - values
    own = values.reshape(3, -1).std(axis=1)
    np.testing.assert_allclose(added.reshape(3, -1).std(axis=1) / own, 0.2, rtol=0.15)
    assert np.abs(np.corrcoef(added.reshape(3, -1))[0, 1:]).max() < 0.15, "channels are noisy on their own"


def test_a_scale_that_does_not_exist_is_refused():
    for make in (noise, gamma):
        with pytest.raises(UsageError, match="patch"):
            make(scale="pach")


@pytest.mark.parametrize("shape", [(48, 40), (32, 26, 36)])
def test_a_bias_field_is_a_smooth_factor_a_channel(shape):
    values = sample(2, shape)
    factor = bias(strength=[0.3, 0.3], p=1).apply(values.copy(), generator(3)) / values
    assert factor.min() > 0
    assert 0.02 < factor.std() < 0.4
    assert abs(factor.mean() - 1) < 0.25
    for axis in range(1, factor.ndim):
        steps = np.diff(factor, axis=axis)
        assert np.abs(steps).max() < 0.12
        assert np.abs(np.diff(steps, axis=axis)).max() < 0.02, "smooth: no kink"
    assert abs(np.corrcoef(factor.reshape(2, -1))[0, 1]) < 0.95, "every modality has its own"
    np.testing.assert_allclose(bias(strength=[0, 0], p=1).apply(values.copy(), generator(3)), values, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_low_resolution_is_the_mean_over_thicker_slices(shape):
    values = sample(2, shape)
    part = low_resolution(factor=[2, 2], p=1)
    changed = [part.apply(values.copy(), generator(seed)) for seed in range(20)]
    axes = set()
    for found in changed:
        np.testing.assert_allclose(found.mean(), values.mean(), rtol=0.02)
        for axis in range(1, values.ndim):
            pairs = found.reshape(*found.shape[:axis], -1, 2, *found.shape[axis + 1 :]).mean(axis=axis + 1)
            coarse = values.reshape(*values.shape[:axis], -1, 2, *values.shape[axis + 1 :]).mean(axis=axis + 1)
            inner = (slice(None),) * axis + (slice(1, -1),)
            smoothed = (np.roll(coarse, 1, axis) + 6 * coarse + np.roll(coarse, -1, axis)) / 8
            if np.allclose(pairs[inner], smoothed[inner], atol=1e-5):
                axes.add(axis)
    assert axes == set(range(1, values.ndim)), "any axis may be the coarse one"
    everywhere = low_resolution(factor=[2, 2], along="all", p=1).apply(values.copy(), generator(0))
    assert everywhere.std() < min(found.std() for found in changed)
    assert (low_resolution(factor=1, p=1).apply(values.copy(), generator(0)) == values).all()


@pytest.mark.parametrize("wrong", [{"factor": 0.5}, {"factor": [2, 1]}, {"factor": "3"}, {"factor": [1, 2, 3]}, {"along": "two"}])
def test_a_resolution_that_means_nothing_is_refused(wrong):
    with pytest.raises(UsageError, match="low_resolution"):
        low_resolution(**wrong)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_dropped_modality_says_nothing_and_one_is_always_kept(shape):
    values = sample(4, shape)
    kept = []
    for seed in range(200):
        found = modality_dropout(p=0.6).apply(values.copy(), generator(seed))
        same = (found == values).reshape(4, -1).all(axis=1)
        for channel in np.flatnonzero(~same):
            assert found[channel].std() < 1e-6
            np.testing.assert_allclose(found[channel].mean(), values[channel].mean(), rtol=1e-5)
        kept.append(int(same.sum()))
    assert min(kept) == 1
    assert 1.4 < np.mean(kept) < 1.9
    one = values[:1]
    assert (modality_dropout(p=1.0).apply(one.copy(), generator(0)) == one).all()


@pytest.mark.parametrize("channels", [3, 4])
def test_modalities_of_a_volume_are_not_colours(channels):
    values = sample(channels, SHAPES[1])
    found = jitter(brightness=[1.3, 1.3], contrast=0, saturation=[0.2, 0.2], hue=[0.3, 0.3]).apply(values.copy(), generator(0))
    np.testing.assert_allclose(found, values * 1.3, rtol=1e-5)


def test_all_of_them_together_leave_finite_values_of_any_range():
    config = dict.fromkeys(("noise", "gamma", "jitter", "blur", "bias", "low_resolution", "modality_dropout", "cutout"), True)
    for values in (sample(2, SHAPES[1]), standard(2, SHAPES[1]), np.zeros((2, *SHAPES[1]), np.float32)):
        for seed in range(10):
            found = Augmentation.of(config).intensities(values.copy(), generator(seed))
            assert found.shape == values.shape
            assert found.dtype == np.float32
            assert np.isfinite(found).all()
            assert np.abs(found).max() <= 8 * max(1.0, float(np.abs(values).max())) ** 1.5
