"""Our JPEG kernels give what libjpeg gives, to the bit, and leave to it what they do not know."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagittal import io
from sagittal.errors import UnreadableInput
from sagittal.io.guard import Limits
from sagittal.io.readers import _jpeg, _jpeg_fast

RNG = np.random.default_rng(11)
STEPS = (1, 2, 4, 8)
SAMPLING = {
    "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


def picture(kind: str, shape: tuple[int, int], channels: int) -> np.ndarray:
    """Smooth, noisy or black and white, so that short and long codes, pairs and runs of zeros all occur."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    if kind == "noise":
        return RNG.integers(0, 256, (*shape, channels), dtype=np.uint8)
    if kind == "edges":
        return np.repeat((((x // 5 + y // 7) % 2) * 255).astype(np.uint8)[..., None], channels, axis=2)
    waves = [127 + 60 * np.sin(x / (9 + c)) + 60 * np.cos(y / (7 + 3 * c)) for c in range(channels)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def stored(values: np.ndarray, *, quality: int = 80, sampling: str = "420", **options: int) -> bytes:
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLING[sampling]]
    flags += [number for name, value in options.items() for number in (getattr(cv2, f"IMWRITE_JPEG_{name.upper()}"), value)]
    return cv2.imencode(".jpg", values, flags)[1].tobytes()


def both(data: bytes, step: int, tmp_path) -> tuple[np.ndarray | None, np.ndarray]:
    header = _jpeg._walk(data, tmp_path)
    return _jpeg._own(data, header, step), _jpeg._by_opencv(data, header, step)


@pytest.fixture(autouse=True)
def however_small(monkeypatch):
    monkeypatch.setattr(_jpeg, "WORTH", 0)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["noise", "edges", "waves"])
@pytest.mark.parametrize(("channels", "sampling"), [(1, "444"), (3, "444"), (3, "420")])
@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(st.integers(1, 90), st.integers(1, 300)), quality=st.integers(3, 100), optimise=st.integers(0, 1))
def test_pixels_are_those_of_libjpeg(step, kind, channels, sampling, shape, quality, optimise, tmp_path_factory):
    data = stored(picture(kind, shape, channels), quality=quality, sampling=sampling, optimize=optimise)
    ours, theirs = both(data, step, tmp_path_factory.getbasetemp())
    if (channels, sampling, step) == (3, "420", 1):
        assert ours is None
        return
    assert ours is not None
    np.testing.assert_array_equal(ours, theirs)


def test_a_picture_that_does_not_fit_into_memory_at_once_is_read_in_parts(tmp_path, monkeypatch):
    data = stored(picture("waves", (300, 200), 3))
    whole = both(data, 2, tmp_path)[0]
    monkeypatch.setattr(_jpeg_fast, "AT_ONCE", 1)
    np.testing.assert_array_equal(both(data, 2, tmp_path)[0], whole)


@pytest.mark.parametrize("options", [{"progressive": 1}, {"rst_interval": 2}, {"sampling": "422"}])
def test_rare_kinds_are_left_to_libjpeg(options, tmp_path):
    ours, theirs = both(stored(picture("waves", (64, 64), 3), **options), 2, tmp_path)
    assert ours is None
    assert theirs.shape == (32, 32, 3)


def test_colours_that_are_not_ycbcr_are_left_to_libjpeg(tmp_path):
    data = stored(picture("waves", (64, 64), 3), sampling="444")
    adobe = b"\xff\xee\0\x0eAdobe\0d\0\0\0\0\0"
    ours, theirs = both(data[:2] + adobe + data[20:], 2, tmp_path)  # without JFIF's segment of 18 bytes
    assert ours is None
    assert theirs.shape == (32, 32, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_broken_scans_end_as_without_our_kernels(channels, tmp_path):
    data = bytearray(stored(picture("noise", (48, 80), channels)))
    scan = _jpeg._walk(bytes(data), tmp_path).scan
    refused = 0
    for _ in range(300):
        broken = bytearray(data)
        for place in RNG.integers(scan + 12, len(data) - 2, RNG.integers(1, 6)):
            broken[place] = RNG.integers(0, 256)
        ours, theirs = both(bytes(broken), 2, tmp_path)
        refused += ours is None
        assert ours is None or ours.shape == theirs.shape
    assert refused > 100


@pytest.mark.parametrize("channels", [1, 3])
def test_broken_tables_are_never_written_past(channels, tmp_path):
    data = stored(picture("waves", (48, 80), channels))
    end = _jpeg._walk(data, tmp_path).scan
    for _ in range(400):
        broken = bytearray(data)
        for place in RNG.integers(2, end, RNG.integers(1, 4)):
            broken[place] = RNG.integers(0, 256)
        try:
            header = _jpeg._walk(bytes(broken), tmp_path)
            Limits.default().check(tmp_path, (header.rows, header.columns), 3, stored=len(data))
        except (UnreadableInput, _jpeg._ShortError):
            continue
        if header.rows * header.columns < 1 << 20:
            _jpeg._own(bytes(broken), header, 2)


def test_a_scan_that_ends_early_is_left_to_libjpeg(tmp_path):
    data = stored(picture("noise", (64, 64), 1))
    assert both(data[: len(data) // 2] + b"\xff\xd9", 1, tmp_path)[0] is None


def test_a_file_that_changed_since_its_header_was_read_is_not_read_with_old_tables(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(stored(picture("noise", (64, 64), 1), quality=90))
    image = io.read(path)
    again = stored(picture("noise", (64, 64), 1), quality=20)
    _jpeg._last.put(None, b"")
    path.write_bytes(again)
    np.testing.assert_array_equal(image.read()[0], cv2.imdecode(np.frombuffer(again, np.uint8), cv2.IMREAD_GRAYSCALE))
