"""Outlines and label maps mean the same wherever they were drawn."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from PIL import Image as Pillow

from sagittal import io
from sagittal.core import Geometry, Labels
from sagittal.core.annotation import IGNORE
from sagittal.errors import Refused, SagittalError, UnreadableInput

LABELS = Labels(classes=("tissue", "tumour"), background="tissue")
THREE = Labels(classes=("tissue", "gland", "tumour"), background="tissue", colours={"gland": "#00ff00", "tumour": "#ff0000"})
GRID = Geometry.picture((40, 60))


def outlines(
    tmp_path, body: str, *, labels: Labels = LABELS, root: str = 'viewBox="0 0 60 40"', like: Geometry | None = GRID
) -> np.ndarray:
    path = tmp_path / "a.svg"
    path.write_text(f'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" {root}>{body}</svg>')
    return io.read_annotation(path, labels, like=like).mask_of(GRID)


def box(top: int, left: int, bottom: int, right: int, value: int = 1) -> np.ndarray:
    expected = np.zeros(GRID.shape, np.int16)
    expected[top:bottom, left:right] = value
    return expected


@pytest.mark.parametrize(
    "body",
    [
        '<polygon fill="none" stroke="green" points="10,5 30,5 30,20 10,20"/>',
        '<polygon points="10 5 30 5 30 20 10 20"/>',
        '<polyline style="fill:none" points="10,5,30,5,30,20,10,20"/>',
        '<rect x="10" y="5" width="20" height="15"/>',
        '<path d="M10 5 H30 V20 H10 Z"/>',
        '<path d="m10,5 l20,0 0,15 -20,0z"/>',
        '<g transform="translate(10,5)"><g transform="scale(2)"><rect width="10" height="7.5"/></g></g>',
        '<rect transform="rotate(90) translate(5,-30)" width="15" height="20"/>',
        '<rect x="10" y="5" width="20" height="15"/><g display="none"><rect width="60" height="40"/></g>',
        '<rect x="10" y="5" width="20" height="15"/><defs><rect width="60" height="40"/></defs>',
        '<rect x="10" y="5" width="20" height="15"/><rect style="visibility:hidden" width="60" height="40"/>',
    ],
)
def test_an_outline_is_what_it_goes_around(tmp_path, body):
    np.testing.assert_array_equal(outlines(tmp_path, body), box(5, 10, 20, 30))


def test_circles_and_curves(tmp_path):
    y, x = np.mgrid[:40, :60] + 0.5
    disc = np.hypot(x - 30, y - 20) < 12
    arcs = "M18 20 a12 12 0 1 0 24 0 a12 12 0 1 0 -24 0 Z"
    k = 12 * 0.5522847
    bezier = f"M42 20 C42 {20 + k} {30 + k} 32 30 32 S18 {20 + k} 18 20 S{30 - k} 8 30 8 S42 {20 - k} 42 20 Z"
    for body in (
        '<circle cx="30" cy="20" r="12"/>',
        '<ellipse cx="30" cy="20" rx="12" ry="12"/>',
        f'<path d="{arcs}"/>',
        f'<path d="{bezier}"/>',
    ):
        found = outlines(tmp_path, body) == 1
        assert (found != disc).sum() <= 8, body


def test_a_ring_has_a_hole(tmp_path):
    ring = box(5, 10, 30, 50) - box(10, 20, 20, 30)
    evenodd = '<path fill-rule="evenodd" d="M10 5H50V30H10Z M20 10H30V20H20Z"/>'
    opposite = '<path d="M10 5H50V30H10Z M20 10V20H30V10Z"/>'
    same = '<path d="M10 5H50V30H10Z M20 10H30V20H20Z"/>'
    np.testing.assert_array_equal(outlines(tmp_path, evenodd), ring)
    np.testing.assert_array_equal(outlines(tmp_path, opposite), ring)
    np.testing.assert_array_equal(outlines(tmp_path, same), box(5, 10, 30, 50))


def test_a_canvas_of_another_size_is_scaled_to_the_picture(tmp_path):
    body = '<rect x="100" y="50" width="200" height="150"/>'
    np.testing.assert_array_equal(outlines(tmp_path, body, root='viewBox="0 0 600 400"'), box(5, 10, 20, 30))
    np.testing.assert_array_equal(outlines(tmp_path, body, root='width="600px" height="400"'), box(5, 10, 20, 30))
    shifted = '<rect x="110" y="70" width="200" height="150"/>'
    np.testing.assert_array_equal(outlines(tmp_path, shifted, root='viewBox="10 20 600 400"'), box(5, 10, 20, 30))
    with pytest.raises(Refused, match="MASK_SIZE"):
        outlines(tmp_path, body, root='viewBox="0 0 600 600"')


@pytest.mark.parametrize(
    "body",
    [
        '<rect class="tumour" x="10" y="5" width="20" height="15"/>',
        '<g id="Tumour"><rect x="10" y="5" width="20" height="15"/></g>',
        '<rect stroke="#FF0000" fill="none" x="10" y="5" width="20" height="15"/>',
        '<rect x="10" y="5" width="20" height="15"><title>tumour</title></rect>',
        '<g xmlns:i="http://www.inkscape.org/namespaces/inkscape" i:label="tumour"><rect x="10" y="5" width="20" height="15"/></g>',
    ],
)
def test_the_class_of_an_outline(tmp_path, body):
    np.testing.assert_array_equal(outlines(tmp_path, body, labels=THREE), box(5, 10, 20, 30, 2))


def test_an_outline_of_no_known_class_is_refused(tmp_path):
    with pytest.raises(Refused, match=r"UNKNOWN_CLASS .*says vessel, which is none of gland, tumour"):
        outlines(tmp_path, '<rect class="vessel" width="9" height="9"/>', labels=THREE)


def test_a_drawing_without_outlines_is_all_background(tmp_path):
    assert not outlines(tmp_path, "<text>nothing seen</text>").any()


def test_later_outlines_lie_on_top_and_are_objects(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text('<svg><rect class="gland" width="20" height="20"/><rect class="tumour" x="10" width="20" height="20"/></svg>')
    said = io.read_annotation(path, THREE)
    assert said.mask_of(GRID)[5, [5, 15, 25, 35]].tolist() == [1, 2, 2, 0]
    np.testing.assert_array_equal(said.boxes_of(GRID), [[0, 0, 10, 20, 1], [10, 0, 30, 20, 2]])


MASK = np.arange(40 * 60).reshape(40, 60) % 3


@pytest.mark.parametrize(
    "kind", ["grey.png", "palette.png", "two-bit.png", "rgb.png", "colour.png", "grey.tif", "palette.tif", "grey.bmp", "a.npy", "a.npz"]
)
def test_a_label_map_in_any_lossless_format(tmp_path, kind):
    path = tmp_path / kind
    grey = Pillow.fromarray(MASK.astype(np.uint8))
    part = ""
    if kind.startswith(("palette", "two-bit")):
        made = grey.convert("P")
        made.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 9, 9, 9])
        made.save(path, **({"bits": 2} if kind.startswith("two") else {}))
    elif kind == "rgb.png":
        Pillow.merge("RGB", [grey] * 3).save(path)
    elif kind == "colour.png":
        Pillow.fromarray(np.array([[0, 0x72, 0xB2], [0, 255, 0], [255, 0, 0]], np.uint8)[MASK]).save(path)
    elif kind == "a.npy":
        np.save(path, MASK)
    elif kind == "a.npz":
        np.savez(path, mask=MASK)
        part = "::mask"
    else:
        grey.save(path)
    said = io.read_annotation(f"{path}{part}", THREE, like=GRID)
    np.testing.assert_array_equal(said.mask_of(GRID), MASK)


@pytest.mark.parametrize("kind", ["bool.png", "bool.tif", "white.png", "one.png"])
def test_black_and_white_masks(tmp_path, kind):
    inside = MASK == 1
    made = {"bool": inside, "white": inside.astype(np.uint8) * 255, "one": inside.astype(np.uint8)}[kind.split(".")[0]]
    Pillow.fromarray(made).save(tmp_path / kind)
    np.testing.assert_array_equal(io.read_annotation(tmp_path / kind, LABELS, like=GRID).mask_of(GRID), inside)


def test_numbers_that_stand_for_no_class_are_refused(tmp_path):
    Pillow.fromarray((MASK * 50).astype(np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(Refused, match="LABEL_VALUES"):
        io.read_annotation(tmp_path / "a.png", LABELS, like=GRID).mask_of(GRID)
    codes = Labels(classes=("tissue", "gland", "tumour"), background="tissue", codes={"gland": 50, "tumour": 100})
    np.testing.assert_array_equal(io.read_annotation(tmp_path / "a.png", codes, like=GRID).mask_of(GRID), MASK)


def test_a_smaller_mask_covers_the_same_field(tmp_path):
    small = np.zeros((20, 30), np.uint8)
    small[5:10, 5:10] = 1
    Pillow.fromarray(small).save(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_annotation(tmp_path / "a.png", LABELS, like=GRID).mask_of(GRID), box(10, 10, 20, 20))
    Pillow.fromarray(small[:, :20]).save(tmp_path / "a.png")
    with pytest.raises(Refused, match="MASK_SIZE"):
        io.read_annotation(tmp_path / "a.png", LABELS, like=GRID)


def test_lossy_and_fractional_label_maps_are_refused(tmp_path):
    Pillow.fromarray(MASK.astype(np.uint8)).save(tmp_path / "a.jpg")
    with pytest.raises(Refused, match="LOSSY_LABELS"):
        io.read_annotation(tmp_path / "a.jpg", THREE)
    np.save(tmp_path / "a.npy", MASK / 2)
    with pytest.raises(Refused, match="fractions"):
        io.read_annotation(tmp_path / "a.npy", THREE)


def test_a_nifti_label_map_keeps_its_own_place(tmp_path):
    values = np.zeros((6, 5, 4), np.uint8)
    values[2, 3, 1] = 1
    affine = np.diag([-2, 2, 3, 1.0])
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    flipped = Geometry(
        shape=(6, 5, 4), affine=np.array([[2, 0, 0, -10], [0, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]]), unit="mm", frame="patient"
    )
    mask = io.read_annotation(tmp_path / "a.nii.gz", LABELS).mask_of(flipped)
    np.testing.assert_array_equal(mask, values[::-1])
    away = Geometry(
        shape=(2, 2, 2), affine=np.diag([1, 1, 1, 1.0]) + np.array([[0, 0, 0, 900]] * 3 + [[0] * 4]), unit="mm", frame="patient"
    )
    assert (io.read_annotation(tmp_path / "a.nii.gz", LABELS).mask_of(away) == IGNORE).all()


def test_what_is_no_annotation_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UnreadableInput, match="not a label map"):
        io.read_annotation(tmp_path / "a.csv", LABELS)
    (tmp_path / "a.svg").write_text("<svg/>")
    with pytest.raises(SagittalError, match="an annotation, not an image"):
        io.read(tmp_path / "a.svg")
