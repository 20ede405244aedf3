"""A label map is drawn within little memory, and is the one that merging everything at once gives."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from sagittal.core import Geometry, Labels, Window
from sagittal.engine.drawing import Drawing, in_memory
from sagittal.engine.finish import Finish
from sagittal.engine.waiting import Waiting
from sagittal.ops.stitch import Stitch
from sagittal.ops.warp import ReadMap, gather
from sagittal.tasks.segmentation import segmentation
from sagittal.windows._windowing import Cover

LABELS = Labels(classes=("none", "a", "b"), background="none")


def grid(shape, spacing=1.0):
    return Geometry(shape=shape, affine=np.diag([spacing, spacing, spacing, 1.0]), unit="mm")


def scores_of(window, seed):
    return np.random.default_rng([seed, *(s + 99 for s in window.start)]).random((3, *window.size), dtype=np.float32)


def drawn(known, source, windows, **more):
    found = Drawing.of(task=segmentation, labels=LABELS, grid=known, source=source, windows=windows, **more)
    for window in found.windows:
        found.add(window, scores_of(window, 1))
    return found.answer


def at_once(known, source, windows):
    merger = Stitch(known)
    for window in windows:
        merger.add(window, scores_of(window, 1))
    return gather(merger.scores(), ReadMap(shape=source.shape, affine=source.index_map(known)))


@pytest.mark.parametrize("size", [(8, 8, 8), (20, 4, 8), (20, 14, 1), (32, 32, 32)])
@pytest.mark.parametrize("source", [grid((20, 14, 10)), grid((10, 7, 5), 2.0), grid((20, 14, 10)).upright().moved(np.diag([1, 1, 1, 1]))])
def test_slab_by_slab_is_the_same_as_at_once(size, source):
    known = grid((20, 14, 10))
    windows = Cover(size=size, overlap=0.5).windows(known)
    store = in_memory("x", (3, *source.shape))
    answer, wanted = drawn(known, source, windows, store=store), at_once(known, source, windows)
    assert np.allclose(store, wanted, atol=1e-5)
    sure = np.sort(wanted, axis=0)[-1] - np.sort(wanted, axis=0)[-2] > 1e-4
    assert np.array_equal(answer[sure], wanted.argmax(axis=0)[sure])


def test_axes_in_another_order_and_direction_are_turned_back():
    source = Geometry(shape=(10, 20, 14), affine=[[0, -1, 0, 19], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], unit="mm")
    known = source.upright()
    assert known.shape == (20, 14, 10)
    windows = Cover(size=(8, 8, 8), overlap=0.5).windows(known)
    assert np.array_equal(drawn(known, source, windows), at_once(known, source, windows).argmax(axis=0))


def test_what_lies_off_the_grid_of_the_network_is_what_an_empty_vote_gives():
    source = grid((20, 14, 10))
    known = source.at(Window((4, 3, 2), (10, 8, 6)))
    windows = Cover(size=(8, 8, 8), overlap=0.5).windows(known)
    answer = drawn(known, source, windows, outside=0.0)
    inside = np.zeros(source.shape, bool)
    inside[4:14, 3:11, 2:8] = True
    assert (answer[~inside] == 0).all()
    assert np.array_equal(answer[4:14, 3:11, 2:8], at_once(known, known, windows).argmax(axis=0))


def test_oblique_grids_and_answers_that_need_everything_are_not_drawn():
    known = grid((8, 8, 8))
    turned = np.eye(4)
    turned[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    windows = Cover(size=(8, 8, 8)).windows(known)
    oblique = Geometry(shape=(8, 8, 8), affine=turned, unit="mm")
    assert Drawing.of(task=segmentation, labels=LABELS, grid=known, source=oblique, windows=windows) is None
    begun = Drawing.of(task=segmentation, labels=LABELS, grid=known, source=known, windows=windows)
    with pytest.raises(ValueError, match="not all windows"):
        _ = begun.answer


@pytest.mark.slow
def test_scores_that_are_kept_are_kept_too_where_an_answer_is_not_drawn():
    place = grid((4, 5, 3))
    case = Waiting(
        id="x", source=place, grid=place, into=Stitch(place), windows=(), batch=1, left=1, scores=in_memory("x", (3, *place.shape))
    )
    window = Window.whole(place.shape)
    case.take(window, scores_of(window, 1))
    done = Finish(task=segmentation, labels=LABELS, calibration=None, operating=None, postprocessing=None, outside="edge")(case)
    np.testing.assert_array_equal(case.scores, done.scores)
    assert case.scores.any()


def test_a_ct_needs_half_a_gigabyte_beside_the_volume_and_the_network():
    script = textwrap.dedent(
        """
        import json, threading
        import numpy as np, psutil
        from sagittal.core import Geometry, Labels
        from sagittal.engine.drawing import Drawing
        from sagittal.tasks.segmentation import segmentation
        from sagittal.windows._windowing import Cover

        labels = Labels(classes=("none", "a", "b", "c"), background="none")

        def draw(shape):
            known = Geometry(shape=shape, affine=np.eye(4), unit="mm")
            windows = Cover(size=(96, 96, 96), overlap=0.5).windows(known)
            drawing = Drawing.of(task=segmentation, labels=labels, grid=known, source=known, windows=windows)
            scores = np.ones((4, 96, 96, 96), np.float32)
            for window in drawing.windows:
                drawing.add(window, scores)
            return drawing.answer

        draw((100, 100, 100))
        process, stop = psutil.Process(), threading.Event()
        base, peak = process.memory_info().rss, [0]

        def watch():
            while not stop.wait(0.002):
                peak[0] = max(peak[0], process.memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        answer = draw((512, 512, 300))
        stop.set()
        watcher.join()
        print(json.dumps([peak[0] - base, list(answer.shape)]))
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    peak, shape = json.loads(done.stdout)
    assert shape == [512, 512, 300]
    assert peak < 0.5e9
