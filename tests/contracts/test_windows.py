"""What every windowing on the shelf promises."""

from __future__ import annotations

import pytest

from sagittal.shelf import Shelf
from sagittal.testing import check_windowing

SHELF = Shelf("sagittal.windows", kind="windowing")
SMALL: dict[str, dict[str, object]] = {name: {"size": 16} for name in ("patches", "balanced", "labelled", "tiles")}


@pytest.mark.parametrize("name", SHELF.names())
def test_a_windowing_keeps_the_contract(name):
    check_windowing(SHELF.make(name, SMALL.get(name)))
