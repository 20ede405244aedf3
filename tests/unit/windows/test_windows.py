"""What is seen at once: windows cover a case, lie where they say, and their answers are put together again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal.core.geometry import Geometry
from sagittal.core.window import Window
from sagittal.errors import UsageError
from sagittal.ops.positions import Positions, foreground
from sagittal.ops.stitch import Stitch, Vote, window_weight
from sagittal.windows._windowing import places
from sagittal.windows.balanced import balanced
from sagittal.windows.labelled import labelled
from sagittal.windows.patches import patches
from sagittal.windows.tiles import tiles
from sagittal.windows.whole import whole


def grid(*shape: int) -> Geometry:
    return Geometry(shape=shape, affine=np.eye(len(shape) + 1))


@given(st.integers(1, 200), st.integers(1, 80), st.floats(0, 0.95))
def test_places_cover_the_axis_with_at_least_the_overlap_and_end_with_it(n, size, overlap):
    found = places(n, size, overlap)
    seen = np.zeros(n, bool)
    for at in found:
        seen[max(at, 0) : max(at + size, 0)] = True
    assert seen.all()
    assert found == sorted(set(found))
    if n >= size:
        assert (found[0], found[-1] + size) == (0, n)
        # a window moves on by a whole sample at least, whatever the overlap
        assert all(b - a <= max(1, int(np.ceil(size * (1 - overlap)))) for a, b in itertools.pairwise(found))
    else:
        (only,) = found
        assert abs((-only) - (only + size - n)) <= 1, "the grid lies in the middle of the window"


def objects(mask: np.ndarray) -> Positions:
    return foreground(mask, rng=np.random.default_rng(0))


SHAPES = st.lists(st.integers(1, 20), min_size=2, max_size=3)


@given(SHAPES, st.integers(1, 9), st.sampled_from([0.0, 0.5, 0.75]))
@settings(deadline=None)
def test_windows_cover_every_sample(shape, size, overlap):
    for windowing in (tiles(size=size, overlap=overlap), patches(size=size, overlap=overlap), whole()):
        seen = np.zeros(shape, int)
        for window in windowing.cover(grid(*shape)):
            seen[window.inside(shape).slices] += 1
        assert (seen > 0).all()


@given(SHAPES, st.integers(1, 24), st.integers(0, 10**6))
@settings(deadline=None)
def test_a_patch_lies_on_the_grid_and_holds_its_object(shape, size, seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.int16)
    at = tuple(int(rng.integers(s)) for s in shape)
    mask[at] = int(rng.integers(1, 4))
    windowing = patches(size=size, per_case=3, on_object=1.0)
    assert windowing.draws(grid(*shape)) == 3
    window = windowing.draw(grid(*shape), 0, rng, objects(mask))
    assert window.size == (size,) * len(shape)
    assert mask[window.inside(shape).slices].any()
    blind = windowing.draw(grid(*shape), 0, rng, None)
    for a, b, n in zip(blind.start, blind.stop, shape, strict=True):
        assert (a >= 0 and b <= n) if n >= size else (a == places(n, size, 0.0)[0])


def test_patches_go_to_every_class_equally_often_however_small_it_is():
    mask = np.ones((40, 40), np.int16)
    mask[3, 30] = 2
    windowing = patches(size=4, on_object=1.0)
    rng = np.random.default_rng(0)
    rare = [mask[windowing.draw(grid(40, 40), 0, rng, objects(mask)).slices].max() == 2 for _ in range(200)]
    assert 0.4 < np.mean(rare) < 0.62
    aside = [mask[patches(size=4, on_object=0.0).draw(grid(40, 40), 0, rng, objects(mask)).slices].max() == 2 for _ in range(200)]
    assert np.mean(aside) < 0.1
    nothing = windowing.draw(grid(40, 40), 0, rng, objects(np.zeros((40, 40), np.int16)))
    assert nothing.inside((40, 40)) == nothing


def test_a_tile_is_the_same_in_training_and_in_the_answer():
    windowing = tiles(size=(4, 6))
    cover = windowing.cover(grid(9, 13))
    drawn = [windowing.draw(grid(9, 13), i, np.random.default_rng(i), None) for i in range(windowing.draws(grid(9, 13)))]
    assert drawn == cover
    assert {w.size for w in cover} == {(4, 6)}


def test_what_a_windowing_says_of_itself():
    assert (whole().one, whole().fixed) == (True, True)
    assert (tiles().one, tiles().fixed) == (False, True)
    assert (patches().one, patches().fixed) == (False, False)
    assert whole().draw(grid(3, 4), 0, np.random.default_rng(0), None) == Window((0, 0), (3, 4))


@pytest.mark.parametrize("make", [tiles, patches])
@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": -3}, {"size": []}, {"size": 2.5}, {"size": True}, {"size": [8, 0]}, {"overlap": 1}, {"overlap": -0.1}]
)
def test_a_size_or_overlap_that_cannot_be_is_refused(make, options):
    with pytest.raises(UsageError, match=r"windows\."):
        make(**options)


def test_two_sizes_do_not_fit_three_axes():
    with pytest.raises(UsageError, match="3 axes"):
        tiles(size=[8, 8]).cover(grid(9, 9, 9))


@given(SHAPES, st.integers(1, 9), st.sampled_from([0.0, 0.5]), st.integers(0, 10**6))
@settings(deadline=None)
def test_what_every_window_says_of_a_sample_is_put_together_again(shape, size, overlap, seed):
    truth = np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)
    padded = np.pad(truth, [(0, 0)] + [(30, 30)] * len(shape), constant_values=99)
    place = grid(*shape)
    stitch = Stitch(place)
    for window in tiles(size=size, overlap=overlap).cover(place):
        cut = tuple(slice(a + 30, b + 30) for a, b in zip(window.start, window.stop, strict=True))
        stitch.add(window, padded[(slice(None), *cut)])
    assert np.allclose(stitch.scores(), truth, atol=1e-4)
    assert np.allclose(stitch.scores(), truth, atol=1e-4), "asked again, it is the same"


def test_where_windows_overlap_the_one_that_sees_more_around_counts_more():
    stitch = Stitch(grid(12))
    stitch.add(Window((0,), (8,)), np.zeros((1, 8), np.float32))
    stitch.add(Window((4,), (8,)), np.ones((1, 8), np.float32))
    found = stitch.scores()[0]
    assert found[:4].max() == 0
    assert found[8:].min() == 1
    assert (np.diff(found[3:9]) > 0).all()
    assert found[4:8].sum() == pytest.approx(2, abs=1e-4)


@given(st.lists(st.integers(1, 40), max_size=3))
def test_weights_are_separable_even_and_never_nothing(size):
    weight = window_weight(tuple(size))
    assert weight.shape == tuple(size)
    assert weight.min() > 0
    assert weight.max() <= 1
    assert np.allclose(weight, np.flip(weight))


def test_windows_vote_with_the_mean_of_their_scores_and_nothing_is_no_vote():
    vote = Vote(grid(4, 4))
    for scores in ([0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [1.0, 0.0]):
        vote.add(Window((0, 0), (2, 2)), np.array(scores, np.float32))
    assert vote.scores().tolist() == [0.625, 0.375]
    for merger in (Vote(grid(4)), Stitch(grid(4))):
        with pytest.raises(ValueError, match="no window"):
            merger.scores()


def lesions() -> np.ndarray:
    mask = np.zeros((64, 64), np.int16)
    mask[2:30, 2:30] = 1
    mask[50, [40, 48, 56]] = 1
    mask[60, 5] = 2
    return mask


def test_balanced_windows_hold_every_lesion_as_often():
    where, mask, rng = objects(lesions()), lesions(), np.random.default_rng(0)
    windows = [balanced(size=6, by="lesion").draw(grid(64, 64), 0, rng, where) for _ in range(400)]
    held = np.array([[(mask[w.slices] == name).any() for name in (1, 2)] for w in windows])
    assert held.any(axis=1).all()
    assert 0.42 < held[:, 1].mean() < 0.58, "classes are as likely"
    large = np.mean([w.start[0] < 30 for w, (first, _) in zip(windows, held, strict=True) if first])
    assert 0.15 < large < 0.35, "the large lesion is one of four"
    by_class = [balanced(size=6).draw(grid(64, 64), 0, rng, where) for _ in range(200)]
    assert np.mean([w.start[0] < 30 for w in by_class if (mask[w.slices] == 1).any()]) > 0.95
    aside = [balanced(size=6, elsewhere=1.0).draw(grid(64, 64), 0, rng, where) for _ in range(200)]
    assert np.mean([(mask[w.slices] > 0).any() for w in aside]) < 0.6
    with pytest.raises(UsageError, match="lesion"):
        balanced(by="lesions")


def test_labelled_blocks_hold_the_share_asked_for():
    where, mask, rng = objects(lesions()), lesions(), np.random.default_rng(0)
    windowing = labelled(size=(16, 8), share=0.3)
    shares = [(mask[windowing.draw(grid(64, 64), 0, rng, where).slices] > 0).mean() for _ in range(100)]
    assert min(shares) >= 0.3
    assert max(shares) == 1.0
    fullest = labelled(size=60, share=0.9, tries=50).draw(grid(64, 64), 0, rng, where)
    assert fullest.start[0] <= 2, "where no block has enough, the fullest is taken, and the search ends"
    assert labelled(size=8).draw(grid(64, 64), 0, rng, objects(np.zeros((64, 64), np.int16))).size == (8, 8)


@pytest.mark.parametrize("make", [patches, balanced, labelled])
def test_windows_may_be_longer_along_one_axis_and_larger_than_the_grid(make):
    volume = np.zeros((40, 30, 9), np.int16)
    volume[20:25, 3, 4] = 1
    where = objects(volume)
    for seed in range(20):
        window = make(size=(16, 8, 12)).draw(grid(40, 30, 9), 0, np.random.default_rng(seed), where)
        assert window.size == (16, 8, 12)
        assert window.start[2] == places(9, 12, 0.0)[0]
        assert window.inside((40, 30, 9)).size == (16, 8, 9)


@pytest.mark.parametrize("wrong", [{"per_case": 0}, {"per_case": 1.5}])
@pytest.mark.parametrize("make", [patches, balanced, labelled])
def test_a_number_of_windows_that_cannot_be_is_refused(make, wrong):
    with pytest.raises(UsageError, match="per_case"):
        make(**wrong)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [(patches, {"on_object": 1.5}), (balanced, {"elsewhere": -0.1}), (labelled, {"share": "much"}), (labelled, {"tries": 0})],
)
def test_a_share_that_is_none_is_refused(make, wrong):
    with pytest.raises(UsageError, match=r"windows\."):
        make(**wrong)
