"""How sure a drawn answer is: the same numbers whether it lies in memory or comes row by row."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image, Labels
from sagittal.core.prediction import Prediction
from sagittal.verbs import _sure
from sagittal.verbs._sure import Sure, write_heat

SHAPE = (50, 37)


def said(scores, *, labels, objects=False):
    answer = scores[: len(labels)].argmax(axis=0)
    return Prediction(case="a", geometry=Geometry.picture(SHAPE), labels=labels, scores=scores, answer=answer)


def softmax(rng, channels):
    logits = np.exp(rng.normal(size=(channels, *SHAPE)) * 2)
    return (logits / logits.sum(axis=0)).astype(np.float32)


@pytest.fixture
def labels():
    return Labels(classes=("stroma", "tissue", "tumour"), background="tissue")


def test_the_mean_is_of_the_class_over_the_samples_that_were_answered_as_it(labels, monkeypatch):
    monkeypatch.setattr(_sure, "BAND_SAMPLES", 7 * SHAPE[1])
    scores = softmax(np.random.default_rng(0), 3)
    found = said(scores, labels=labels)
    tally = Sure.of(found, extra=()).tally()
    for k, name in ((0, "stroma"), (2, "tumour")):
        assert tally.inside[name] == pytest.approx(scores[k][found.answer == k].mean(), abs=1e-6)
    assert set(tally.inside) == {"stroma", "tumour"}, "the background is not asked for"
    assert tally.samples == {name: int((found.answer == k).sum()) for k, name in enumerate(labels.classes)}
    assert list(tally.whole) == list(labels.classes)
    assert list(tally.whole.values()) == pytest.approx(scores.mean(axis=(1, 2)).tolist(), abs=1e-5)


def test_it_is_undefined_where_nothing_was_answered(labels):
    scores = np.zeros((3, *SHAPE), np.float32)
    scores[1] = 1
    assert Sure.of(said(scores, labels=labels), extra=()).tally().inside == {"stroma": None, "tumour": None}


def test_the_border_of_objects_counts_to_their_class():
    labels = Labels(classes=("tissue", "gland"), background="tissue")
    scores = np.zeros((3, *SHAPE), np.float32)
    scores[0] = 0.1
    scores[1], scores[2, :, :5] = 0.9, 0.4
    scores[1, :, :5] = 0.5
    sure = Sure.of(said(scores, labels=labels), extra=("border",))
    assert sure.tally().inside == {"gland": pytest.approx(0.9)}
    assert sure.tally().whole["border"] == pytest.approx(0.4 * 5 / SHAPE[1])
    np.testing.assert_allclose(sure.heat(), 0.9, atol=1e-6)


def test_a_map_shows_the_positive_class_else_all_but_the_background(labels):
    scores = softmax(np.random.default_rng(1), 3)
    every = Sure.of(said(scores, labels=labels), extra=())
    assert every.shows == ("stroma", "tumour")
    np.testing.assert_allclose(every.heat(), 1 - scores[1], atol=1e-5)
    one = Labels(classes=labels.classes, background="tissue", positive="tumour")
    np.testing.assert_array_equal(Sure.of(said(scores, labels=one), extra=()).heat(), scores[2])
    bare = Labels(classes=labels.classes)
    np.testing.assert_array_equal(Sure.of(said(scores, labels=bare), extra=()).heat(), scores.max(axis=0))


def test_a_large_map_holds_means_of_squares_also_at_the_edges(labels, monkeypatch):
    monkeypatch.setattr(_sure, "LONGEST", 13)
    scores = softmax(np.random.default_rng(2), 3)
    sure = Sure.of(said(scores, labels=labels), extra=())
    heat = sure.heat()
    assert heat.shape == (13, 10) == sure.small().shape
    assert heat[0, 0] == pytest.approx((1 - scores[1])[:4, :4].mean(), abs=1e-5)
    assert heat[-1, -1] == pytest.approx((1 - scores[1])[48:, 36:].mean(), abs=1e-5)


def test_answers_whose_probabilities_were_not_kept_have_none(labels):
    bare = said(softmax(np.random.default_rng(0), 3), labels=labels)
    assert Sure.of(bare, extra=("border",)) is None, "some are missing"


def test_the_picture_is_unchanged_where_nothing_is_likely_and_has_a_bar_of_colours_below(labels, tmp_path):
    one = Labels(classes=labels.classes, background="tissue", positive="tumour")
    scores = np.zeros((3, *SHAPE), np.float32)
    scores[1], scores[1, :, 20:], scores[2, :, 20:] = 1, 0, 1
    image = Image.of(np.full((3, *SHAPE), 200, np.uint8), Geometry.picture(SHAPE), channels=("red", "green", "blue"))
    told = write_heat(image, Sure.of(said(scores, labels=one), extra=()), tmp_path, "a")
    assert told == {"heat": "a_heat.png", "heat_of": ["tumour"]}
    drawn = io.read(tmp_path / "a_heat.png").read()
    assert (drawn[:, : SHAPE[0], :20] == 200).all() and (drawn[2, : SHAPE[0], 20 : SHAPE[1]] < 180).all()
    assert drawn.shape[1] > SHAPE[0] and drawn.shape[2] == 108, "a bar below, and white beside a narrow picture"
