"""Answers drawn on pictures."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from sagittal.core import Geometry, Image, Labels
from sagittal.report.named import LINE_PX
from sagittal.verbs._pictures import answered, compared, legend

GRID = Geometry(shape=(30, 40, 20), affine=np.diag([1.0, 1, 2, 1]), unit="mm", frame="patient")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(png)).convert("RGB"))


def holds(png: bytes, colour: str) -> bool:
    return bool((pixels(png) == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=-1).any())


def of(shape: tuple[int, ...]) -> tuple[Image, np.ndarray]:
    grid = GRID if len(shape) == 3 else Geometry(shape=shape, affine=np.eye(3), unit="px", frame="none")
    drawn = np.zeros(shape, np.int64)
    drawn[8:20, 8:20], drawn[20:26, 24:36] = 1, 2
    return Image.of(np.random.default_rng(0).uniform(size=(1, *shape)).astype(np.float32), grid), drawn


@pytest.mark.parametrize("shape", [(30, 40, 20), (30, 40)])
def test_an_answer_names_its_classes(shape):
    labels = Labels(classes=("none", "tumour", "oedema"), background="none")
    image, drawn = of(shape)
    with_names, without = answered(image, drawn, labels), compared(image, drawn, drawn, labels)[1]
    assert len(pixels(with_names)) - len(pixels(without)) >= LINE_PX, "those of a report have their legend on the page"
    assert pixels(answered(image, 0 * drawn, labels)).shape == pixels(without).shape, "nothing is drawn, nothing named"


@pytest.mark.parametrize("shape", [(30, 40, 20), (30, 40)])
def test_each_of_many_classes_is_drawn(shape):
    labels = Labels(classes=tuple(f"structure {n}" for n in range(20)), background="structure 0")
    image, drawn = of(shape)
    some = answered(image, np.array([0, 1, 9])[drawn], labels)
    assert holds(some, labels.colour("structure 1"))
    assert holds(some, labels.colour("structure 9"))


def test_classes_of_one_colour_stand_together():
    labels = Labels(classes=("none", "left", "right"), background="none", colours={"left": "#112233", "right": "#112233"})
    assert legend(labels) == {"#112233": "left, right"}
    image, drawn = of((30, 40))
    for one in (1, 2):
        assert holds(answered(image, np.where(drawn == one, drawn, 0), labels), "#112233")
