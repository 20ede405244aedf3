"""Names below a picture."""

import numpy as np
import pytest

from sagittal.report.named import LINE_PX, named

GREY = np.full((30, 300, 3), 90, np.uint8)
RED, BLUE = "#d55e00", "#0072b2"


def drawn(*colours: str, width: int = 300) -> np.ndarray:
    picture = np.full((30, width, 3), 90, np.uint8)
    for n, colour in enumerate(colours):
        picture[5:20, 4 + 10 * n : 10 + 10 * n] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return picture


def test_only_what_is_seen_is_named():
    both, one = named(drawn(RED, BLUE), {RED: "tumour", BLUE: "oedema"}), named(drawn(RED), {RED: "tumour", BLUE: "oedema"})
    assert both.shape == one.shape == (30 + LINE_PX, 300, 3)
    assert (both[:30] == drawn(RED, BLUE)).all(), "the picture itself stays"
    blue = [0, 0x72, 0xB2]
    assert (both[30:] == blue).all(axis=-1).sum() > 100, "a square of its colour stands before the name"
    assert not (one[30:] == blue).all(axis=-1).any()
    ink = (one[30:].max(axis=-1) < 110).sum()
    assert ink > 50, "the name is written in ink"
    assert (both[30:].max(axis=-1) < 110).sum() > 1.5 * ink


def test_without_a_drawn_colour_nothing_is_added():
    assert named(GREY, {RED: "tumour"}) is GREY
    assert named(drawn(RED), {}).shape == (30, 300, 3)


def test_many_names_take_several_lines_and_a_long_one_widens_the_picture():
    names = {f"#0000{n:02x}": f"structure {n}" for n in range(1, 9)}
    lines = (named(drawn(*names), names).shape[0] - 30) / LINE_PX
    assert lines in {3, 4}
    wide = named(drawn(RED, width=40), {RED: "white matter of the left side"})
    assert wide.shape[1] > 150
    assert (wide[:30, 40:] == 255).all()


@pytest.mark.parametrize("name", ["", "$x$", "Läsion", "a_b^2"])
def test_a_name_is_a_name_and_no_formula(name):
    assert named(drawn(RED), {RED: name}).shape == (30 + LINE_PX, 300, 3)
