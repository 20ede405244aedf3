"""Regions of a tiled JPEG TIFF, ours against OpenSlide's plain loop."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.measure import Contest, Row, compare
from sagittal import io
from sagittal.core.window import Window

SIDE, REGION = 8192, 512
TILE, QUALITY, MPP = 256, 85, 0.25
WANTED = 1.5
REGIONS = 200


def rows(*, turns: int = 7, folder: Path | None = None) -> list[Row]:
    """Every contest of this file."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as place:
        path = drawn(Path(place) / "slide.tif", SIDE)
        rng = np.random.default_rng(0)
        anywhere = [tuple(int(v) for v in rng.integers(0, SIDE - REGION, 2)) for _ in range(REGIONS)]
        aligned = [(TILE * (y // TILE), TILE * (x // TILE)) for y, x in anywhere]
        lines = [(y, x) for y in range(0, 2048, 384) for x in range(0, SIDE - REGION, 384)]
        ours, theirs = ours_of(path), openslide_of(path)
        for at in anywhere[:20]:
            if not np.array_equal(ours(at).transpose(1, 2, 0), theirs(at)):
                raise ValueError("the pixels differ")
        found: list[Row] = []
        for name, places in (("anywhere", anywhere), ("on tile borders", aligned), ("overlapping, in rows", lines)):
            contest: Contest[tuple[int, int]] = Contest(
                path=f"slide, 512x512 {name}",
                inputs=places,
                ours=lambda at, _: ours(at),
                peers={"OpenSlide": lambda at, _: theirs(at)},
                targets={"OpenSlide": WANTED},
            )
            found += compare(contest, turns=max(1, turns // 3))
        return [*found, _two_workers(path, anywhere, turns=turns)]


def drawn(path: Path, side: int) -> Path:
    """A pyramid of JPEG tiles that look like tissue, written tile by tile."""
    rng = np.random.default_rng(0)
    some = []
    for _ in range(24):
        grain = rng.normal(0, 1, (TILE, TILE)).astype(np.float32)
        cells = 40 * cv2.GaussianBlur(grain, (0, 0), 3) + 8 * cv2.GaussianBlur(grain, (0, 0), 1)
        some.append(np.clip(np.array([190, 140, 190]) + 6 * cells[..., None] * np.array([1.0, 1.3, 0.7]), 0, 255).astype(np.uint8))
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for step in (1, 4, 16):
            n = -(-side // step)
            count = (-(-n // TILE)) ** 2
            write_level(file, (some[int(i)] for i in rng.integers(0, len(some), count)), n, step)
    return path


def write_level(file: tifffile.TiffWriter, tiles: Iterator[NDArray[np.uint8]], side: int, step: int) -> None:
    """A level of a pyramid: so many samples a side, each so many of the finest ones."""
    file.write(
        tiles,
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(TILE, TILE),
        compression="jpeg",
        compressionargs={"level": QUALITY},
        photometric="ycbcr",
        subfiletype=int(step > 1),
        resolution=(1e4 / (MPP * step), 1e4 / (MPP * step)),
        resolutionunit="CENTIMETER",
        metadata=None,
    )


def ours_of(path: Path) -> Any:
    """Reads the region whose first corner is given."""
    image = io.read(path)
    return lambda at: image.read(Window(at, (REGION, REGION)))


def openslide_of(path: Path) -> Any:
    """The loop that people write."""
    import openslide

    opened = openslide.OpenSlide(path)
    return lambda at: np.asarray(opened.read_region((at[1], at[0]), 0, (REGION, REGION)).convert("RGB"))


def _work(who: str, path: Path, places: list[tuple[int, int]]) -> float:
    way = {"ours": ours_of, "openslide": openslide_of}[who](path)
    way(places[0])
    start = time.perf_counter()
    for at in places:
        way(at)
    return time.perf_counter() - start


def _two_workers(path: Path, places: list[tuple[int, int]], *, turns: int) -> Row:
    """Wall seconds a region with two processes, each with half of the regions."""
    taken: dict[str, list[float]] = {"ours": [], "openslide": []}
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for turn in range(turns):
            for who in sorted(taken, reverse=bool(turn % 2)):
                halves = [pool.submit(_work, who, path, places[k::2]) for k in range(2)]
                taken[who].append(max(h.result() for h in halves) / len(places))
    ours, theirs = (float(np.median(taken[who])) for who in ("ours", "openslide"))
    return Row(path="slide, 2 workers, wall", peer="OpenSlide", ours_s=ours, peer_s=theirs, ratio=theirs / ours, peak_mb=0.0, target=WANTED)
