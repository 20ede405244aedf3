"""Every part on the shelf of transforms keeps the contract of its kind."""

from __future__ import annotations

import pytest

from sagittal.shelf import Shelf
from sagittal.testing import check_transform

SHELF = Shelf("sagittal.transforms", kind="transform")


@pytest.mark.parametrize("name", SHELF.names())
def test_transform(name):
    check_transform(SHELF.get(name))
    assert SHELF.summary(name).endswith(".")


def test_the_shelf_holds_what_the_recipes_need():
    wanted = ["resized_crop", "rotate", "affine", "flip", "elastic", "zoom", "shift", "jitter", "gamma", "noise", "blur", "cutout", "mixup"]
    assert set(wanted) <= set(SHELF.names())
