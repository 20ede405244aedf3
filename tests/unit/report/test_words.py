"""Numbers as people read them."""

from __future__ import annotations

import pytest

from sagittal.core.score import Score
from sagittal.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.79855, "0.799"),
        (1.0, "1.000"),
        (5.1, "5.10"),
        (17.44, "17.4"),
        (12345.6, "12,346"),
        (-0.0001, "0.000"),
        (-1.5, "\u22121.500"),
        (None, "\u2013"),
    ],
)
def test_a_number_has_the_decimals_that_it_deserves(value, text):
    assert words.number(value) == text
    assert words.number(float("nan")) == words.number(float("inf")) == "\u2013"


def test_a_value_and_its_interval_have_the_same_decimals():
    score = Score(metric="mae", value=1.95, low=1.5, high=12.31, unit="mm")
    assert (words.value_of(score), words.interval(score)) == ("1.9", "1.5 to 12.3") or words.value_of(score) == "2.0"
    assert words.interval(Score(metric="auc", value=0.8)) == ""


def test_a_negative_interval_cannot_be_misread():
    assert words.interval(Score(metric="mcc", value=0.0, low=-0.1, high=0.2)) == "\u22120.100 to 0.200"


def test_every_headline_is_explained():
    assert all(words.metric_meaning(m, 2) for m in words.HEADLINES)


@pytest.mark.parametrize(
    ("axes", "sample", "size"), [(2, "pixel", "area"), (3, "voxel", "volume"), (0, "sample", "size"), (None, "sample", "size")]
)
def test_pictures_have_pixels_and_areas_and_volumes_voxels_and_volumes(axes, sample, size):
    assert words.in_sentence("voxel_auc", axes) == f"{sample} AUC"
    assert words.metric_meaning("voxel_auc", axes).startswith(f"the chance that a {sample} of the structure")
    assert words.metric_name("relative_volume_difference", axes) == f"Relative {size} difference"
    assert words.metric_meaning("relative_volume_difference", axes).startswith(f"the same as a share of the true {size};")
    assert not [m for m in words.METRICS if "{" in words.metric_name(m, axes) + words.metric_meaning(m, axes)]


@pytest.mark.parametrize(
    ("names", "text"),
    [([], "none"), (["a"], "a"), (list("abcdefg"), "a, b, c, d, e, f and g"), (list("abcdefgh"), "a, b, c, d, e, f and 2 more")],
)
def test_a_list_is_cut_only_when_that_saves_something(names, text):
    assert words.listed(names) == text
