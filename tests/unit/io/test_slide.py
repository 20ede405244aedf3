"""Slides are read window by window, at the level that is asked for, in the world that their file states."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from sagittal import io
from sagittal.core import Labels, Window
from sagittal.core.geometry import Geometry
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits
from sagittal.testing import check_image

CM = {"resolutionunit": "CENTIMETER"}


def picture(rows=700, columns=900, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (rows // 20 + 1, columns // 20 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((20, 20, 1), np.uint8))[:rows, :columns])


def pyramid(path, base, *, mpp=0.5, compression="zlib", tile=(128, 128), **more):
    def options(step):
        at = {} if mpp is None else {"resolution": (1e4 / mpp / step, 1e4 / mpp / step), **CM}
        return {"tile": tile, "compression": compression, "photometric": "rgb", **at, **more}

    with tifffile.TiffWriter(path) as file:
        file.write(base, subifds=2, **options(1))
        file.write(base[::2, ::2], subfiletype=1, **options(2))
        file.write(base[::4, ::4], subfiletype=1, **options(4))
    return path


def svs(path, base, *, mpp=0.499):
    told = f"Aperio Image Library v12\r\n900x700 (128x128) JPEG/RGB Q=90|AppMag = 20{'' if mpp is None else f'|MPP = {mpp}'}"
    options = {"tile": (128, 128), "compression": "jpeg", "photometric": "rgb"}
    with tifffile.TiffWriter(path) as file:
        file.write(base, description=told, **options)
        file.write(base[::7, ::7], photometric="rgb")
        file.write(base[::4, ::4], description="Aperio Image Library v12\r\n900x700 -> 225x175", **options)
    return path


def test_a_window_of_a_pyramid_is_that_part_of_the_picture(tmp_path):
    base = picture()
    image = io.read(pyramid(tmp_path / "a.tif", base))
    assert image.tiled
    assert image.geometry.unit == "um"
    assert image.geometry.spacing == pytest.approx((0.5, 0.5))
    check_image(image)
    for window in (Window((0, 0), (700, 900)), Window((100, 250), (300, 7)), Window((699, 899), (1, 1))):
        assert np.array_equal(image.read(window).transpose(1, 2, 0), base[window.slices])


def test_the_level_is_chosen_by_how_coarse_it_may_be_and_keeps_its_place_in_the_world(tmp_path):
    base = picture()
    image = io.read(pyramid(tmp_path / "a.tif", base))
    for factor, step in ((1.0, 1), (1.9, 1), (2.0, 2), (3.9, 2), (4.0, 4), (100.0, 4)):
        coarse = image.coarser(factor)
        assert coarse.geometry.spacing == pytest.approx((0.5 * step, 0.5 * step))
        assert np.array_equal(coarse.read().transpose(1, 2, 0), base[::step, ::step])
        assert np.allclose(coarse.geometry.to_world([-0.5, -0.5]), [0, 0])


def test_levels_whose_size_was_rounded_down_lie_on_the_finest_pixels(tmp_path):
    image = io.read(pyramid(tmp_path / "a.tif", picture(701, 903)))
    assert image.coarser(4).geometry.spacing == pytest.approx((2.0, 2.0))


def test_aperio_states_its_micrometres_in_the_description_and_its_thumbnail_is_no_level(tmp_path):
    image = io.read(svs(tmp_path / "a.svs", picture()))
    assert image.geometry.spacing == pytest.approx((0.499, 0.499))
    assert image.coarser(100).geometry.shape == (175, 225)


@pytest.mark.parametrize("make", [pyramid, svs])
def test_pixels_are_those_of_openslide(tmp_path, make):
    import openslide

    path = make(tmp_path / ("a.svs" if make is svs else "a.tif"), picture(), **({} if make is svs else {"compression": "jpeg"}))
    theirs = openslide.OpenSlide(path)
    ours = io.read(path)
    for y, x in ((0, 0), (37, 411), (400, 600)):
        region = np.asarray(theirs.read_region((x, y), 0, (250, 250)))[..., :3]
        assert np.array_equal(ours.read(Window((y, x), (250, 250))).transpose(1, 2, 0), region)


def test_the_generic_reader_gives_what_the_tiles_give(tmp_path):
    from sagittal.io.readers._slide_openslide import open_slide

    path = svs(tmp_path / "a.svs", picture())
    slow, fast = open_slide(path, Limits.default(), None).image(), io.read(path)
    window = Window((111, 222), (300, 200))
    assert np.array_equal(slow.read(window), fast.read(window))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}, 0.5),
        ({"resolution": (50800, 50800), "resolutionunit": "INCH"}, 0.5),
        ({"resolution": (20000, 20000), "resolutionunit": "NONE"}, None),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({"resolution": (300, 300), "resolutionunit": "INCH"}, None),
        ({}, None),
    ],
)
def test_resolution_tags_count_only_where_they_mean_a_microscope(tmp_path, options, expected):
    image = io.read(pyramid(tmp_path / "a.tif", picture(), mpp=None, **options))
    assert image.geometry.unit == ("px" if expected is None else "um")
    assert image.geometry.spacing == pytest.approx((expected or 1.0,) * 2)


def test_micrometres_that_the_user_states_win(tmp_path):
    path = pyramid(tmp_path / "a.tif", picture(), mpp=None)
    assert io.read(f"{path}::mpp=0.25").geometry.spacing == (0.25, 0.25)
    assert io.read(f"{path}::mpp=0.25").meta["mpp_from"] == "the user"
    for wrong in ("mpp=0", "mpp=-1", "mpp=nan", "mpp=x", "level=1"):
        with pytest.raises(UnreadableInput, match="NO_SUCH_PART"):
            io.read(f"{path}::{wrong}")


def test_a_large_tiff_in_strips_is_read_strip_by_strip(tmp_path, monkeypatch):
    monkeypatch.setattr("sagittal.io.readers.slide.LARGE", 1000)
    base = picture()
    tifffile.imwrite(tmp_path / "a.tif", base, rowsperstrip=64, compression="zlib", photometric="rgb")
    image = io.read(tmp_path / "a.tif")
    assert image.tiled
    assert np.array_equal(image.read(Window((60, 30), (100, 200))).transpose(1, 2, 0), base[60:160, 30:230])


def test_small_tiffs_stay_pictures(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture(), tile=(128, 128), photometric="rgb")
    assert not io.read(tmp_path / "a.tif").tiled
    tifffile.imwrite(tmp_path / "b.tif", picture(), photometric="rgb")
    assert not io.read(tmp_path / "b.tif").tiled


def test_the_limit_holds_for_what_is_read_at_once(tmp_path):
    path = pyramid(tmp_path / "a.tif", picture())
    image = io.read(path, limits=Limits.default().but(pixels=50_000))
    assert image.read(Window((0, 0), (200, 200))).shape == (3, 200, 200)
    with pytest.raises(UnreadableInput, match="OVER_LIMIT"):
        image.read()
    with pytest.raises(UnreadableInput, match="OVER_LIMIT"):
        io.read(path, limits=Limits.default().but(pixels=100))


def test_tiles_that_a_scanner_left_out_are_white(tmp_path):
    path = pyramid(tmp_path / "a.tif", picture())
    with tifffile.TiffFile(path, mode="r+b") as file:
        tag = file.pages[0].tags["TileByteCounts"]
        counts = list(tag.value)
        counts[0] = 0
        tag.overwrite(counts)
    assert (io.read(path).read(Window((0, 0), (128, 128))) == 255).all()


def test_a_slide_that_is_cut_off_is_refused(tmp_path):
    path = pyramid(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8))
    whole = path.read_bytes()
    for share in (0.02, 0.3, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UnreadableInput, match=r"a\.tif"):
            io.read(path).read()


def test_a_tile_whose_bytes_are_broken_is_refused_when_it_is_read(tmp_path):
    path = pyramid(tmp_path / "a.tif", picture())
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[at : at + 40] = bytes(40)
    path.write_bytes(bytes(data))
    image = io.read(path)
    with pytest.raises(UnreadableInput, match="BROKEN"):
        image.read(Window((0, 0), (10, 10)))
    assert image.read(Window((300, 300), (10, 10))).shape == (3, 10, 10)


def test_outlines_drawn_in_pixels_lie_in_the_world_of_the_slide(tmp_path):
    slide = io.read(pyramid(tmp_path / "a.tif", picture()))
    (tmp_path / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="700" viewBox="0 0 900 700">'
        '<polygon class="tumour" fill="none" points="100,200 300,200 300,400 100,400"/></svg>'
    )
    labels = Labels(classes=("tissue", "tumour"), background="tissue")
    said = io.read_annotation(tmp_path / "a.svg", labels, like=slide.geometry)
    fine = said.mask_of(slide.geometry)
    assert fine[200:400, 100:300].all()
    assert fine.sum() == 200 * 200
    assert said.mask_of(slide.coarser(4).geometry).sum() == 50 * 50


def test_a_label_map_of_a_slide_lies_in_its_world(tmp_path):
    slide = io.read(pyramid(tmp_path / "a.tif", picture()))
    mask = np.zeros((175, 225), np.uint8)
    mask[50:100, 25:75] = 1
    io.write(_grey(mask), tmp_path / "m.png")
    labels = Labels(classes=("tissue", "tumour"), background="tissue")
    fine = io.read_annotation(tmp_path / "m.png", labels, like=slide.geometry).mask_of(slide.geometry)
    assert fine[200:400, 100:300].all()
    assert fine.sum() == 200 * 200


def test_a_mask_in_a_tiff_of_tiles_is_a_label_map(tmp_path):
    slide = io.read(pyramid(tmp_path / "a.tif", picture()))
    mask = np.zeros((700, 900), np.uint8)
    mask[200:400, 100:300] = 1
    with tifffile.TiffWriter(tmp_path / "m.tif") as file:
        file.write(mask, subifds=1, tile=(128, 128), compression="zlib")
        file.write(mask[::2, ::2], subfiletype=1, tile=(128, 128), compression="zlib")
    labels = Labels(classes=("tissue", "tumour"), background="tissue")
    said = io.read_annotation(tmp_path / "m.tif", labels, like=slide.geometry)
    assert np.array_equal(said.mask_of(slide.geometry), mask)


def _grey(mask):
    from sagittal.core import Image

    return Image.of(mask[None], Geometry.picture(mask.shape))


def planes(path, base, how, **more):
    """Colours one after the other, in one page or in pages of their own."""
    told = {"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    options = {"tile": (128, 128), "compression": "lzw"} | (
        {"photometric": "rgb", "planarconfig": "separate"} if how == "page" else {"photometric": "minisblack"}
    )
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(np.ascontiguousarray(base.transpose(2, 0, 1)), subifds=1, metadata=told | more, **options)
        file.write(np.ascontiguousarray(base[::4, ::4].transpose(2, 0, 1)), subfiletype=1, **options)
    return path


@pytest.mark.parametrize("how", ["page", "pages"])
def test_colours_in_planes_are_read_together_at_every_level(tmp_path, how):
    base = picture()
    image = io.read(planes(tmp_path / "a.ome.tif", base, how))
    assert image.channels == ("red", "green", "blue")
    assert image.geometry.spacing == pytest.approx((0.5, 0.5))
    part = Window((100, 250), (300, 77))
    assert np.array_equal(image.read(part).transpose(1, 2, 0), base[part.slices])
    assert np.array_equal(image.coarser(4).read().transpose(1, 2, 0), base[::4, ::4])


def test_grey_planes_that_are_no_colours_are_refused_not_read_in_part(tmp_path):
    base = picture()
    path = planes(tmp_path / "a.ome.tif", np.concatenate([base, base[..., :1]], axis=2), "pages")
    with pytest.raises(UnreadableInput, match=r"SEVERAL_PICTURES.*4 grey pictures"):
        io.read(path)


def test_micrometres_that_cannot_be_are_nobody_s_from_a_scanner_s_format_either(tmp_path):
    path = tmp_path / "trestle.tif"
    told = "Background Color=E6E6E6;White Balance=C4C8C6;Objective Power=20x;JPEG Quality=80;OverlapsXY= 0 0 0 0"
    options = {"tile": (128, 128), "photometric": "rgb", "compression": "jpeg", "resolutionunit": "CENTIMETER", "software": "MedScan"}
    with tifffile.TiffWriter(path) as file:
        for step in (1, 2):
            file.write(picture()[::step, ::step], description=told, resolution=(2e4, 2e4), metadata=None, **options)
    assert io.read(path).meta["vendor"] == "trestle"
    assert io.read(path).geometry.unit == "px"
