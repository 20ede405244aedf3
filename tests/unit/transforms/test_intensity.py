from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from sagittal.ops.noise import add_normal
from sagittal.ops.randomness import generator
from sagittal.transforms.blur import blur
from sagittal.transforms.cutout import cutout
from sagittal.transforms.gamma import gamma
from sagittal.transforms.jitter import LUMA, jitter
from sagittal.transforms.mixup import mixup
from sagittal.transforms.noise import noise


def picture(channels: int = 3) -> np.ndarray:
    return generator(0).uniform(0.1, 0.9, (channels, 24, 20)).astype(np.float32)


def test_noise_is_nearly_normal_and_independent():
    drawn = add_normal(np.zeros(200_000, np.float32), 1.0, key=3)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    assert stats.kstest(drawn, "norm").statistic < 0.01
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.01
    other = add_normal(np.zeros(200_000, np.float32), 1.0, key=4)
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.01


@pytest.mark.parametrize("axes", [0, 2, 3])
def test_noise_has_the_strength_asked_for(axes):
    values = np.zeros((60, *(9,) * axes), np.float32)
    assert np.isclose(noise(sd=[0.2, 0.2]).apply(values, generator(0)).std(), 0.2, rtol=0.2)


def test_gamma_is_the_power_and_keeps_signs():
    values = picture() - 0.3
    wanted = np.sign(values) * np.abs(values) ** 1.4
    np.testing.assert_allclose(gamma(gamma=[1.4, 1.4]).apply(values.copy(), generator(0)), wanted, rtol=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.5])
def test_blur_agrees_with_scipy(sigma):
    values = generator(0).normal(size=(2, 30, 31)).astype(np.float32)
    wanted = ndimage.gaussian_filter(values, (0, sigma, sigma), mode="nearest")
    found = blur(sigma=[sigma, sigma], p=1).apply(values, generator(0))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_blur_of_no_width_changes_nothing():
    values = picture()
    assert (blur(sigma=[0, 0], p=1).apply(values.copy(), generator(0)) == values).all()


def test_jitter_of_brightness_is_a_factor_and_contrast_keeps_the_mean():
    values = picture(1)
    np.testing.assert_allclose(jitter(brightness=[1.3, 1.3], contrast=0).apply(values.copy(), generator(0)), values * 1.3, rtol=1e-5)
    found = jitter(brightness=0, contrast=[0.5, 0.5]).apply(values.copy(), generator(0))
    assert np.isclose(found.mean(), values.mean(), rtol=1e-5)
    assert np.isclose(found.std(), values.std() / 2, rtol=1e-4)


def test_hue_and_saturation_keep_brightness():
    values = picture()
    found = jitter(brightness=0, contrast=0, saturation=[0.5, 0.5], hue=[0.2, 0.2]).apply(values.copy(), generator(0))
    np.testing.assert_allclose(np.tensordot(LUMA, found, 1), np.tensordot(LUMA, values, 1), atol=1e-4)
    assert not np.allclose(found, values)
    grey = np.repeat(picture(1), 3, axis=0)
    np.testing.assert_allclose(jitter(brightness=0, contrast=0, hue=0.5, saturation=0.5).apply(grey.copy(), generator(0)), grey, atol=1e-4)


def test_jitter_leaves_alpha_alone():
    values = picture(4)
    assert (jitter().apply(values.copy(), generator(1))[3] == values[3]).all()


@pytest.mark.parametrize("axes", [2, 3])
def test_cutout_covers_a_box_of_the_size_asked_for(axes):
    values = generator(0).uniform(size=(1, *(20,) * axes)).astype(np.float32)
    shares = [(cutout(size=[0.5, 0.5], p=1).apply(values.copy(), generator(i)) != values).mean() for i in range(40)]
    assert max(shares) <= 0.5**axes + 0.15
    assert min(shares) >= 0.25**axes * 0.8


def test_mixup_keeps_the_larger_share_and_does_not_overwrite():
    images = np.eye(6, dtype=np.float32)[:, :, None, None] * np.ones((1, 1, 2, 2), np.float32)
    targets = np.eye(6, dtype=np.float32)
    before = images.copy()
    mixed, soft = mixup(alpha=1.0).mix(images, targets, generator(0))
    assert (images == before).all()
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
    assert (np.diag(soft) >= 0.5).all()
    np.testing.assert_allclose(mixed[:, :, 0, 0], soft, rtol=1e-6)
    assert not np.allclose(soft, targets)


def test_mixup_refuses_class_indices():
    with pytest.raises(ValueError, match="soft targets"):
        mixup().mix(np.zeros((2, 1), np.float32), np.array([0, 1]), generator(0))
