"""Pyramids are written in little memory, and coarser levels hold samples of the finest one."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tifffile

from sagittal.io.writers._pyramid import TILE, _tiles, write_pyramid


def test_rows_that_were_asked_for_are_not_kept():
    shape = (1 << 15, 1 << 10)
    tracemalloc.start()
    count = sum(1 for _ in _tiles(lambda start, stop: np.zeros((stop - start, shape[1]), np.uint8), shape, 128))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1
    assert peak < 4 * TILE * shape[1], "of 128 times as many rows"


@pytest.mark.parametrize("shape", [(5000, 700), (4096, 4097)])
def test_every_level_is_made_of_few_rows_at_a_time(tmp_path, shape):
    values = np.random.default_rng(0).integers(0, 5, shape, dtype=np.uint8)
    asked = []

    def rows(start, stop):
        asked.append(stop - start)
        return values[start:stop]

    write_pyramid(tmp_path / "a.tif", rows, shape, levels=8, stamp=False)
    assert 0 < min(asked) <= max(asked) <= TILE
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        levels = file.series[0].levels
        assert len(levels) == len([n for n in range(8) if n == 0 or min(shape) // 2**n >= TILE])
        for n, level in enumerate(levels):
            np.testing.assert_array_equal(level.asarray(), values[:: 2**n, :: 2**n])
