"""Pictures for people: arrays in, PNG bytes out; overlays, outlines, boxes, sheets, kernels.

Values are ``(C, *shape)`` as an Image gives them, of any type. A picture shows red, green, blue where there are
three channels or more (a fourth is coverage over white), else the first channel in grey. A volume shows its middle slices in
three planes, side by side, head up and to scale where the spacing is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sagittal.report._pixels import MOST_PX, Picture, as_bytes, laid_out, picture
from sagittal.report.named import named

WARM = ((0.0, (60, 0, 70)), (0.35, (190, 40, 60)), (0.7, (250, 140, 20)), (1.0, (255, 245, 150)))
"""Cold to warm as lightness rises, so that it can be read without colour (after matplotlib's inferno)."""

SCALE_PX = 108
"""The least width of a bar of colours."""

UNNAMED: Mapping[str, str] = {}
"""For pictures whose colours are explained elsewhere."""


def overlay(
    values: ArrayLike, heat: ArrayLike, *, spacing: Sequence[float] | None = None, strength: float = 0.75, scale: bool = False
) -> bytes:
    r"""A map laid over a picture; where it is cold the picture shows through unchanged.

    Args:
        values: ``(C, *shape)``.
        heat: ``shape``, 0 to 1; values outside are clipped, NaN is cold. For a volume the slices are taken where
            the map is hottest, not in the middle.
        spacing: Size of a sample along each axis of a volume.
        strength: How much the hottest place covers the picture.
        scale: Say below the picture which colour is how much, over what is usual in it.

    Raises:
        ValueError: The map lies on another grid.

    >>> overlay(np.zeros((1, 8, 8)), np.zeros((8, 8)))[:4]
    b'\x89PNG'
    """
    warmth = _warmth(heat)
    stored = _on_one_grid(values, warmth.shape)
    at = _hottest(warmth)
    below = picture(stored, spacing=spacing, at=at)
    covered = _covered(below, warmth, spacing=spacing, at=at, strength=strength)
    return png(_scaled(covered, below, strength=strength) if scale else covered)


def explained(values: ArrayLike, heat: ArrayLike, *, spacing: Sequence[float] | None = None, most_px: int = 320) -> tuple[bytes, bytes]:
    """The picture without and with its map, in the same slices and size; see :func:`overlay`. Small volumes are enlarged."""
    warmth = _warmth(heat)
    stored = _on_one_grid(values, warmth.shape)
    at = _hottest(warmth)
    below = picture(stored, spacing=spacing, at=at, most_px=most_px)
    if warmth.ndim > 2:
        times = max(1, round(2 * most_px / max(below.shape)))
        below = below.repeat(times, axis=0).repeat(times, axis=1)
    return png(below), png(_covered(below, warmth, spacing=spacing, at=at, strength=0.75))


def outlines(
    values: ArrayLike, masks: Mapping[str, ArrayLike], *, spacing: Sequence[float] | None = None, names: Mapping[str, str] = UNNAMED
) -> bytes:
    """Edges of masks drawn on a picture, each in its colour; a later one lies on top.

    Args:
        values: ``(C, *shape)``.
        masks: ``#rrggbb`` to a mask ``shape``; a sample is inside where it is not 0.
        spacing: Size of a sample along each axis of a volume.
        names: By colour; those of the colours that are seen are written below.

    Raises:
        ValueError: A mask lies on another grid, or a colour is not ``#rrggbb``.
    """
    some = _any_of(masks, np.shape(values)[1:])
    stored = _on_one_grid(values, some.shape)
    at = _fullest(some) if some.any() else None
    return png(named(_outlined(stored, masks, spacing=spacing, at=at, most_px=MOST_PX), names))


def compared(
    values: ArrayLike,
    truth: Mapping[str, ArrayLike],
    answer: Mapping[str, ArrayLike],
    *,
    spacing: Sequence[float] | None = None,
    most_px: int = 320,
) -> tuple[bytes, bytes]:
    """The picture with what a person drew and with what was answered, in the same slices and size; see :func:`outlines`.

    The slices of a volume are those with most of the truth; of the answer where the truth is empty.
    """
    shape = np.shape(values)[1:]
    some = _any_of(truth, shape)
    some = some if some.any() else _any_of(answer, shape)
    stored = _on_one_grid(values, some.shape)
    at = _fullest(some) if some.any() else None
    first, second = (png(_outlined(stored, masks, spacing=spacing, at=at, most_px=most_px)) for masks in (truth, answer))
    return first, second


def boxed(values: ArrayLike, boxes: Mapping[str, ArrayLike], *, names: Mapping[str, str] = UNNAMED) -> bytes:
    """Boxes drawn on a picture, each set in its colour.

    Args:
        values: ``(C, y, x)``.
        boxes: ``#rrggbb`` to corners ``(n, 4)``: low row, low column, high row, high column, in index coordinates of
            ``values``; what lies outside is clipped.
        names: By colour; those of the colours that are seen are written below.
    """
    drawn = picture(values)
    scale = np.array(drawn.shape[:2]) / np.array(np.shape(values)[1:])
    limit = np.array(drawn.shape[:2]) - 1
    for colour, corners in boxes.items():
        for row in np.asarray(corners, dtype=np.float64).reshape(-1, 4):
            (top, left), (bottom, right) = (np.clip(np.round(end * scale), 0, limit).astype(int) for end in (row[:2], row[2:]))
            frame = np.zeros(drawn.shape[:2], dtype=bool)
            frame[top : bottom + 1, left : right + 1] = True
            frame[top + 2 : bottom - 1, left + 2 : right - 1] = False
            drawn[frame] = _rgb(colour)
    return png(named(drawn, names))


def thumbnail(values: ArrayLike, *, size_px: int = 160, spacing: Sequence[float] | None = None) -> bytes:
    """A small picture whose longer side has at most so many pixels."""
    return png(picture(values, spacing=spacing, most_px=size_px))


def sheet(pictures: Sequence[Picture], *, columns: int = 8, gap_px: int = 2) -> bytes:
    r"""Pictures of one size in rows, as an example sheet.

    Raises:
        ValueError: There is none, or the sizes differ.

    >>> sheet([np.zeros((4, 4, 3), np.uint8)] * 3, columns=2)[:4]
    b'\x89PNG'
    """
    return png(_tiled(list(pictures), columns=columns, gap_px=gap_px))


def kernels(weights: ArrayLike, *, zoom: int = 8) -> bytes:
    """First-layer kernels ``(out, in, *size)`` as tiles, each scaled to its own range; zero is mid-grey.

    Three input channels are shown as colours, any other number by their mean; of a volume's kernel the middle slice.
    """
    array = np.asarray(weights, dtype=np.float32)
    while array.ndim > 4:
        array = array[..., array.shape[-1] // 2]
    if array.ndim != 4:
        raise ValueError(f"kernels {array.shape} are not (out, in, *size)")
    array = array if array.shape[1] == 3 else np.repeat(array.mean(axis=1, keepdims=True), 3, axis=1)
    reach = np.abs(array).max(axis=(1, 2, 3), keepdims=True)
    tiles = as_bytes(127.5 + 127.5 * array / np.where(reach > 0, reach, 1.0)).transpose(0, 2, 3, 1)
    tiles = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return png(_tiled(list(tiles), columns=min(16, max(4, int(np.ceil(np.sqrt(2 * len(tiles)))))), gap_px=3))


def feature_maps(values: ArrayLike, *, most: int = 32) -> bytes:
    """The first maps of a layer ``(C, y, x)`` as grey tiles, each scaled to its own range; small ones are enlarged."""
    tiles = [picture(one[None], most_px=96) for one in np.asarray(values)[:most]]
    zoom = max(1, 96 // max(tiles[0].shape)) if tiles else 1
    return sheet([tile.repeat(zoom, axis=0).repeat(zoom, axis=1) for tile in tiles])


def scores(values: ArrayLike, maps: ArrayLike, *, height_px: int = 192) -> bytes:
    """A part of a picture ``(C, y, x)``, and beside it the score of each class ``(K, y, x)``: black is 0, white is 1.

    Bytes are shown as they are, other values from their darkest to their brightest ones.
    """
    shown, found = np.asarray(values), np.asarray(maps, dtype=np.float32)
    if shown.dtype != np.uint8:
        low, high = np.percentile(shown, (0.5, 99.5))
        shown = as_bytes(np.clip((shown - low) / max(float(high - low), 1e-9), 0, 1) * 255)
    step = max(1, round(height_px / shown.shape[1]))
    tiles = [picture(shown, most_px=2 * height_px), *(picture(as_bytes(one[None] * 255), most_px=2 * height_px) for one in found)]
    return png(_tiled([tile.repeat(step, axis=0).repeat(step, axis=1) for tile in tiles], columns=min(len(tiles), 6), gap_px=4))


def png(pixels: NDArray[np.uint8]) -> bytes:
    r"""A PNG file of ``(height, width)`` grey or ``(height, width, 3)`` colour; the same pixels give the same bytes.

    >>> png(np.zeros((2, 3), np.uint8))[:4]
    b'\x89PNG'
    """
    from sagittal.io.writers.raster import encode_png

    return encode_png(np.moveaxis(pixels, -1, 0) if pixels.ndim > 2 else pixels)


def _on_one_grid(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.generic]:
    stored: NDArray[np.generic] = np.asarray(values)
    if stored.shape[1:] != shape:
        raise ValueError(f"the map {shape} and the values {stored.shape[1:]} do not lie on one grid")
    return stored


def _warmth(heat: ArrayLike) -> NDArray[np.float32]:
    warmth: NDArray[np.float32] = np.clip(np.nan_to_num(np.asarray(heat, dtype=np.float32)), 0.0, 1.0)
    return warmth


def _hottest(warmth: NDArray[np.float32]) -> tuple[int, ...] | None:
    return tuple(int(i) for i in np.unravel_index(int(warmth.argmax()), warmth.shape)) if warmth.any() else None


def _covered(
    below: Picture, warmth: NDArray[np.float32], *, spacing: Sequence[float] | None, at: Sequence[int] | None, strength: float
) -> Picture:
    return _warmed(below, laid_out(warmth, spacing=spacing, at=at, shape=below.shape[:2]), strength)


def _warmed(below: NDArray[np.generic], level: NDArray[np.float32], strength: float) -> Picture:
    cover = (strength * level**0.8)[..., None]
    return as_bytes(below.astype(np.float32) * (1 - cover) + _warm(level) * cover)


def _scaled(covered: Picture, below: Picture, *, strength: float) -> Picture:
    """The picture with a bar of the colours from 0 to 1 below it; a narrow one has white beside it."""
    import cv2

    width = max(covered.shape[1], SCALE_PX)
    bar = min(width, 2 * SCALE_PX)
    foot = np.full((SCALE_PX // 3, width, 3), 255, np.uint8)
    level = np.linspace(0, 1, bar, dtype=np.float32)[None].repeat(SCALE_PX // 9, axis=0)
    foot[4 : 4 + len(level), :bar] = _warmed(np.median(below, axis=(0, 1), keepdims=True), level, strength)
    for text, share in (("0", 0.0), ("0.5", 0.5), ("1", 1.0)):
        (size, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
        at = (round(share * (bar - size)), len(foot) - 4)
        cv2.putText(foot, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (60, 60, 60), 1, cv2.LINE_AA)
    above = np.pad(covered, ((0, 0), (0, width - covered.shape[1]), (0, 0)), constant_values=255)
    whole: Picture = np.concatenate([above, foot])
    return whole


def _any_of(masks: Mapping[str, ArrayLike], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where any of the masks is."""
    some: NDArray[np.bool_] = np.logical_or.reduce([np.asarray(m) != 0 for m in masks.values()]) if masks else np.zeros(shape, bool)
    return some


def _outlined(
    stored: NDArray[np.generic], masks: Mapping[str, ArrayLike], *, spacing: Sequence[float] | None, at: Sequence[int] | None, most_px: int
) -> Picture:
    drawn = picture(stored, spacing=spacing, at=at, most_px=most_px)
    for colour, mask in masks.items():
        inside = (np.asarray(mask) != 0).astype(np.float32)
        drawn[_edge(laid_out(inside, spacing=spacing, at=at, shape=drawn.shape[:2]) > 0.5)] = _rgb(colour)
    return drawn


def _fullest(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """For each axis the slice with most of the mask."""
    axes = range(mask.ndim)
    return tuple(int(mask.sum(axis=tuple(a for a in axes if a != axis)).argmax()) for axis in axes)


def _edge(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a region, and those around it, that touch its border: a line two pixels wide."""
    padded = np.pad(region, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    edge: NDArray[np.bool_] = np.zeros_like(region)
    for other in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        edge |= other != middle
    return edge


def _warm(level: NDArray[np.float32]) -> NDArray[np.float32]:
    places = [p for p, _ in WARM]
    return np.stack([np.interp(level, places, [rgb[c] for _, rgb in WARM]) for c in range(3)], axis=-1).astype(np.float32)


def _rgb(colour: str) -> tuple[int, int, int]:
    digits = colour.removeprefix("#")
    if len(digits) != 6:
        raise ValueError(f"a colour is #rrggbb, not {colour!r}")
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _tiled(tiles: list[Picture], *, columns: int, gap_px: int) -> Picture:
    if len({t.shape for t in tiles}) != 1:
        raise ValueError("a sheet needs at least one picture, and all of one size")
    height, width = (n + gap_px for n in tiles[0].shape[:2])
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    whole = np.full((rows * height - gap_px, columns * width - gap_px, 3), 255, dtype=np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        whole[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return whole
