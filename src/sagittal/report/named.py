"""Names below a picture: what the colours that are drawn on it stand for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sagittal.report._pixels import Picture

LINE_PX, TEXT_PX, SWATCH_PX, GAP_PX = 20, 12, 12, 14
INK = "#1a1d1f"


def named(drawn: Picture, names: Mapping[str, str]) -> Picture:
    """The picture with a line below it that names each colour which it shows; without such a colour the picture itself.

    Names run over as many lines as they need; a picture narrower than a name has white beside it.

    Args:
        drawn: ``(height, width, 3)``.
        names: By ``#rrggbb``.

    >>> lesion = np.full((40, 120, 3), (213, 94, 0), np.uint8)
    >>> named(lesion, {"#d55e00": "tumour", "#009e73": "oedema"}).shape
    (60, 120, 3)
    """
    shown = {colour: name for colour, name in names.items() if (drawn == _rgb(colour)).all(axis=-1).any()}
    if not shown:
        return drawn
    lengths = {colour: SWATCH_PX + 6 + _length(name) for colour, name in shown.items()}
    width = max(drawn.shape[1], 2 + max(lengths.values()))
    places: list[tuple[int, int]] = []
    left, line = 2, 0
    for length in lengths.values():
        if left > 2 and left + length > width:
            left, line = 2, line + 1
        places.append((line * LINE_PX, left))
        left += length + GAP_PX
    foot = _written(list(shown.values()), [(top, x + SWATCH_PX + 6) for top, x in places], width=width, height=(line + 1) * LINE_PX)
    for colour, (top, x) in zip(shown, places, strict=True):
        foot[top + 4 : top + 4 + SWATCH_PX, x : x + SWATCH_PX] = _rgb(colour)
    above = np.pad(drawn, ((0, 0), (0, width - drawn.shape[1]), (0, 0)), constant_values=255)
    whole: Picture = np.concatenate([above, foot])
    return whole


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.uint8)


def _length(text: str) -> int:
    """Pixels along the line."""
    from matplotlib.textpath import TextPath

    return int(np.ceil(TextPath((0, 0), _plain(text), size=TEXT_PX).get_extents().x1)) if text.strip() else 0


def _plain(text: str) -> str:
    """No formula: a name with dollar signs is a name."""
    return text.replace("$", r"\$")


def _written(texts: list[str], at: list[tuple[int, int]], *, width: int, height: int) -> Picture:
    """Each text in a line that begins at a pixel ``(top, left)``, on white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # a point is a pixel
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for text, (top, left) in zip(texts, at, strict=True):
        figure.text(left / width, 1 - (top + 4 + SWATCH_PX) / height, _plain(text), fontsize=TEXT_PX, color=INK, va="baseline")
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: Picture = np.array(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    return pixels
