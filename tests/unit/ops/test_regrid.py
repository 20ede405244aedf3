"""Slab by slab onto another grid gives what reading all at once gives."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.ops import regrid as module
from sagittal.ops.regrid import Regrid
from sagittal.ops.warp import ReadMap, gather


def volume(shape, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return Geometry(shape=shape, affine=affine, unit="mm")


def in_slabs(scores, known, wanted, *, by, outside="edge"):
    found = Regrid.of(known, wanted, outside=outside)
    made, done, kept = np.zeros((len(scores), *wanted.shape), np.float32), 0, 0
    for closed in [*range(by, known.shape[0], by), known.shape[0]]:
        assert kept + found.margin(len(scores)) + by >= closed, "no more rows are kept than was said"
        for piece in found.pieces(done, closed, classes=len(scores)):
            assert kept <= piece.rows[0] <= piece.rows[1] <= closed
            rows = scores[:, piece.rows[0] : piece.rows[1]]
            read = gather(rows, piece.through, outside=outside) if piece.through else rows[(slice(None), slice(None), *piece.crop)]
            for into, one in zip(made, read, strict=True):
                found.turn(into)[piece.into] = one
            done = piece.done
        kept = found.needed(done, closed, classes=len(scores))
    assert done == found.wanted[0]
    return made


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(module, "PIECE_BYTES", 8 * 2 * 12 * 12 * 4)


@pytest.mark.parametrize("by", [1, 5, 64])
@pytest.mark.parametrize("outside", ["edge", 0.0])
@pytest.mark.parametrize(
    "wanted",
    [
        volume((30, 12, 10)),
        volume((24, 9, 8), origin=(3.0, 1.0, 2.0)),
        volume((30, 12, 10)).moved([[-1, 0, 0, 29], [0, 1, 0, 0], [0, 0, -1, 9], [0, 0, 0, 1]]),
        Geometry(shape=(10, 30, 12), affine=[[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], unit="mm"),
        volume((60, 12, 10), (0.5, 1.0, 1.0), (-0.25, 0.0, 0.0)),
        volume((10, 4, 5), (3.0, 3.0, 2.0), (1.0, 1.0, 0.5)),
        volume((5, 4, 5), (6.2, 3.0, 2.0), (2.0, 1.0, 0.5)),
        volume((40, 20, 14), (0.9, 0.8, 1.0), (-2.0, -3.0, -2.0)),
        volume((40, 20, 14), origin=(-5.0, -4.0, -2.0)),
    ],
)
def test_slabs_give_what_one_reading_gives(wanted, outside, by):
    known = volume((30, 12, 10))
    scores = np.random.default_rng(0).random((2, *known.shape)).astype(np.float32)
    once = gather(scores, ReadMap(wanted.shape, wanted.index_map(known)), outside=outside)
    assert np.allclose(in_slabs(scores, known, wanted, by=by, outside=outside), once, atol=1e-6)


def test_grids_whose_samples_fall_on_one_another_are_not_interpolated():
    known = volume((30, 12, 10))
    assert Regrid.of(known, known.at(Window((2, 3, 0), (9, 9, 9)))).exact
    assert not Regrid.of(known, known.at(Window((-2, 3, 0), (9, 9, 9)))).exact, "the edge has to be repeated"
    assert Regrid.of(known, known.at(Window((-2, 3, 0), (9, 9, 9))), outside=0.0).exact
    assert not Regrid.of(known, volume((30, 12, 10), origin=(0.4, 0, 0))).exact


def test_oblique_grids_have_no_common_rows():
    turned = np.eye(4)
    turned[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    assert Regrid.of(volume((30, 12, 10)), Geometry(shape=(9, 9, 9), affine=turned, unit="mm")) is None
    assert Regrid.of(Geometry.none(), Geometry.none()) is None


def test_rows_that_are_filtered_before_some_are_left_out_are_left_out_alike_in_every_piece(monkeypatch):
    monkeypatch.setattr(module, "PIECE_BYTES", 3 * 2 * 4 * 3 * 4)
    known, wanted = volume((200, 4, 3)), volume((31, 4, 3), (6.2, 1.0, 1.0), (2.6, 0.0, 0.0))
    scores = np.random.default_rng(0).random((2, *known.shape)).astype(np.float32)
    once = gather(scores, ReadMap(wanted.shape, wanted.index_map(known)))
    assert np.allclose(in_slabs(scores, known, wanted, by=7), once, atol=1e-6)
