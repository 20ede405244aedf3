"""Small data sets on disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


def _picture(path: Path, seed: int = 0, size: tuple[int, int] = (24, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    ok, data = cv2.imencode(path.suffix.lower(), values)
    assert ok
    path.write_bytes(data.tobytes())
    return path


def _tree(root: Path, names: list[str]) -> Path:
    for seed, name in enumerate(names):
        _picture(root / name, seed)
    return root


@pytest.fixture
def picture():
    """A function that writes a picture of noise; the same seed gives the same pixels."""
    return _picture


@pytest.fixture
def tree():
    """A function that fills a folder with a different picture for each name."""
    return _tree
