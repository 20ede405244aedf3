"""The index from which patches are drawn: what it lists, how it draws, what it costs."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sagittal.ops.positions import Positions, foreground


def balls() -> np.ndarray:
    """One large piece and forty single samples of class 1, a block of class 2, and what is ignored."""
    mask = np.zeros((60, 50, 40), np.int16)
    mask[5:35, 5:35, 5:35] = 1
    mask[40:48, 20:28, 10:18] = 2
    mask[50::2, 40::5, 2::10] = 1
    mask[0] = -1
    return mask


@given(st.lists(st.integers(1, 12), min_size=1, max_size=3), st.integers(0, 10**6), st.sampled_from([1, 3, 20, 10_000]))
@settings(deadline=None, max_examples=150)
def test_what_is_listed_is_of_its_class_and_its_piece_once(shape, seed, per_class):
    rng = np.random.default_rng(seed)
    mask = rng.integers(-1, 4, shape).astype(np.int16) * (rng.random(shape) < rng.random())
    found = foreground(mask, per_class=per_class, rng=rng)
    assert found.counts.keys() <= {1, 2, 3}
    for name in (1, 2, 3):
        pieces, n = ndimage.label(mask == name, np.ones((3,) * mask.ndim))
        if n == 0:
            assert name not in found.counts
            continue
        listed = found.of_class(name)
        assert len(set(listed.tolist())) == len(listed) >= min(per_class, (mask == name).sum(), n)
        assert (mask.reshape(-1)[listed] == name).all()
        if n <= per_class:
            assert set(pieces.reshape(-1)[listed].tolist()) == set(range(1, n + 1)), "every piece is listed"
            assert found.counts[name] == (mask == name).sum()
            assert len(listed) <= per_class + n
        if (mask == name).sum() <= per_class:
            assert len(listed) == (mask == name).sum()


def test_a_large_class_is_listed_evenly():
    mask = np.ones((100, 100, 100), np.uint8)
    places = np.stack(np.unravel_index(foreground(mask, per_class=1000, rng=np.random.default_rng(0)).places, mask.shape))
    assert len(places[0]) == 1000
    for axis in places:  # also along the rows, whose length divides the step between samples
        assert np.histogram(axis, 5, (0, 100))[0].min() > 150


def test_classes_and_pieces_are_drawn_as_often():
    found = foreground(balls(), rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    drawn = np.array([found.draw(rng) for _ in range(3000)])
    classes = balls()[tuple(drawn.T)]
    assert set(classes.tolist()) == {1, 2}
    assert 0.45 < (classes == 1).mean() < 0.55
    large = (drawn < 36).all(axis=1)
    assert large[classes == 1].mean() > 0.98, "any sample of a class is as likely"
    by_piece = np.array([found.draw(rng, by="piece") for _ in range(3000)])
    classes, large = balls()[tuple(by_piece.T)], (by_piece < 36).all(axis=1)
    pieces = ndimage.label(balls() == 1, np.ones((3, 3, 3)))[1]
    assert abs(large[classes == 1].mean() - 1 / pieces) < 0.02, "any piece of a class is as likely"
    assert 0.45 < (classes == 1).mean() < 0.55


def test_nothing_is_drawn_where_there_is_nothing():
    for mask in (np.zeros((4, 5)), np.full((3, 3, 3), -1), np.zeros(())):
        found = foreground(mask.astype(np.int16), rng=np.random.default_rng(0))
        assert found.draw(np.random.default_rng(0)) is None
        assert found.counts == {}
        assert found.share((0, 0, 0)[: mask.ndim], (2, 2, 2)[: mask.ndim]) == 0


@pytest.mark.parametrize(("per_class", "off"), [(500, 0.2), (10_000, 0.06), (10**6, 1e-9)])
def test_the_share_of_a_box_is_close(per_class, off):
    mask = balls()
    found = foreground(mask, per_class=per_class, rng=np.random.default_rng(0))
    rng = np.random.default_rng(2)
    for _ in range(30):
        start, size = tuple(int(n) for n in rng.integers(-3, 30, 3)), tuple(int(n) for n in rng.integers(8, 30, 3))
        box = tuple(slice(max(a, 0), max(a + s, 0)) for a, s in zip(start, size, strict=True))
        exact = (mask[box] > 0).sum() / np.prod(size)
        assert abs(found.share(start, size) - exact) < off


def test_the_index_survives_a_worker_process_and_a_file(tmp_path):
    found = foreground(balls(), per_class=200, rng=np.random.default_rng(0))
    np.savez(tmp_path / "where.npz", **found.arrays())
    with np.load(tmp_path / "where.npz") as kept:
        again = Positions.from_arrays(dict(kept))
    for same in (pickle.loads(pickle.dumps(found)), again):
        assert [same.draw(np.random.default_rng(s), by="piece") for s in range(9)] == [
            found.draw(np.random.default_rng(s), by="piece") for s in range(9)
        ]
        assert same.counts == found.counts
    assert len(pickle.dumps(found)) < 20_000


def test_the_same_generator_lists_the_same():
    one, same, other = (foreground(balls(), per_class=100, rng=np.random.default_rng(s)).places for s in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_draw_from_a_large_case_costs_microseconds():
    mask = np.zeros((200, 200, 200), np.uint8)
    mask[20:180, 20:180, 20:180] = 1
    found = foreground(mask, rng=np.random.default_rng(0))
    rng = np.random.default_rng(0)
    begin = time.process_time()
    for _ in range(500):
        found.draw(rng)
    assert (time.process_time() - begin) / 500 < 200e-6  # 6 here; looking at the mask takes 10,000
