"""Pictures to PNG, JPEG, TIFF and BMP."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Image
from sagittal.core.image import Values
from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io._reader import Writer

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def encode_png(values: Values) -> bytes:
    r"""A PNG file of values ``(C, rows, columns)`` or ``(rows, columns)``, uint8 or uint16, with 1 to 4 channels.

    Raises:
        ValueError: Another type or number of channels.

    >>> encode_png(np.zeros((2, 2), np.uint8))[:4]
    b'\x89PNG'
    """
    deep = _last(values)
    if deep.dtype == np.uint8:
        return _by_pillow(deep, "PNG", {})
    if deep.dtype != np.uint16 or deep.shape[2] == 2:
        raise ValueError(f"PNG holds uint8, or uint16 with 1, 3 or 4 channels, not {deep.dtype} with {deep.shape[2]}")
    import cv2

    # OpenCV wants blue first
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[deep.shape[2]]
    done, data = cv2.imencode(".png", np.ascontiguousarray(deep[:, :, order]))
    if not done:
        raise ValueError("the picture cannot be encoded")
    return bytes(data)


def encode_jpeg(values: Values, *, quality: int = 95) -> bytes:
    """A JPEG file of uint8 values ``(1|3, rows, columns)`` or ``(rows, columns)``; lossy.

    Raises:
        ValueError: Another type or number of channels.
    """
    deep = _last(values)
    if deep.dtype != np.uint8 or deep.shape[2] not in {1, 3}:
        raise ValueError(f"JPEG holds uint8 with 1 or 3 channels, not {deep.dtype} with {deep.shape[2]}")
    return _by_pillow(deep, "JPEG", {"quality": quality})


def _write(image: Image, path: Path) -> None:
    """A picture of two axes; the suffix chooses the format.

    Raises:
        UsageError: Not a picture, or values that the format cannot hold.
    """
    values = image.read()
    if image.geometry.axes != 2:
        raise UsageError("NOT_A_PICTURE", path, f"an image of {image.geometry.axes} axes", "write a volume as .nii.gz")
    suffix = path.suffix.lower()
    try:
        if suffix in {".jpg", ".jpeg"}:
            data = encode_jpeg(values)
        elif suffix in {".tif", ".tiff"}:
            data = _encode_tiff(values)
        else:
            data = encode_png(values) if suffix == ".png" else _by_pillow(_last(values), "BMP", {})
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError("UNFIT_VALUES", path, str(error), "convert the values, or choose .tif") from error
    atomic.write_bytes(path, data)


def _encode_tiff(values: Values) -> bytes:
    import tifffile

    target = io.BytesIO()
    deep = _last(values)
    colour = deep.shape[2] in {3, 4}
    extra: dict[str, Any] = {"extrasamples": ["unassalpha"]} if deep.shape[2] in {2, 4} else {}
    plain = deep[:, :, 0] if deep.shape[2] == 1 else deep
    tifffile.imwrite(target, plain, photometric="rgb" if colour else "minisblack", compression="zlib", metadata=None, **extra)
    return target.getvalue()


def _by_pillow(deep: NDArray[Any], name: str, options: dict[str, int]) -> bytes:
    from PIL import Image as Pillow

    if deep.dtype != np.uint8 or deep.shape[2] not in _MODES:
        raise ValueError(f"{name} holds uint8 with 1 to 4 channels, not {deep.dtype} with {deep.shape[2]}")
    plain = np.ascontiguousarray(deep[:, :, 0] if deep.shape[2] == 1 else deep)
    target = io.BytesIO()
    Pillow.fromarray(plain).save(target, name, **options)
    return target.getvalue()


def _last(values: Values) -> NDArray[Any]:
    """Channels last, always three axes."""
    return values[:, :, None] if values.ndim == 2 else np.moveaxis(values, 0, 2)


raster = Writer(name="raster", suffixes=(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"), write=_write)
