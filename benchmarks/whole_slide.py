"""A whole slide answered by a network: memory of all its processes, wall time, and what a kill in the middle changes.

``python -m benchmarks.whole_slide FOLDER --side 40000`` draws a pyramid of JPEG tiles from phantom tiles, teaches a small U-Net on
others, and answers the slide with outlines, GeoJSON and heat map at its finest level; ``--kill`` answers it again, kills it half-way,
goes on, and compares every byte. What lies in the folder already is used again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
import tifffile
from numpy.typing import NDArray

from benchmarks.slides import MPP, TILE, write_level
from sagittal import io

BLOCK = 2048
STEPS = (1, 2, 4, 8)
EMPTY = 0.35
"""Share of the blocks of a slide on which nothing lies."""

OFTEN_S = 0.1
NETWORK = ("model.widths=[8,16,32]", "model.blocks=1", "train.epochs=3", "windows.per_case=8")
SITE = (f"data.mpp={MPP}", f"prepare.spacing={MPP}")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What an answer took: wall seconds, and the most MiB that its processes had in memory at a time."""

    seconds: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=40_000)
    parser.add_argument("--windows", default="", help="how the network was shown its tiles: tissue, patches; auto where empty")
    parser.add_argument("--kill", action="store_true", help="answer again with a kill half-way")
    asked = parser.parse_args()
    tiles, slide = asked.folder / "tiles", asked.folder / f"slide-{asked.side}.tif"
    run = asked.folder / f"run-{asked.windows or 'auto'}"
    asked.folder.mkdir(parents=True, exist_ok=True)
    if not tiles.exists():
        _call("phantom", "tiles", "-o", tiles, "--set", "patients=8", "--set", "each=3", "--set", f"size=[{BLOCK},{BLOCK}]")
    if not slide.exists():
        drawn(slide, asked.side, sorted(tiles.glob("*.png")))
    if not run.exists():
        shown = [f"windows.name={asked.windows}", f"windows.size={TILE}"] if asked.windows else []
        _call("train", tiles, "-o", run, *(word for s in (*NETWORK, *SITE, *shown) for word in ("--set", s)))
    whole = asked.folder / f"{run.name}-whole-{asked.side}"
    shutil.rmtree(whole, ignore_errors=True)
    taken = watched(_command("predict", run, slide, "-o", whole), until=None)
    areas = (whole / "areas.csv").read_text(encoding="utf-8").splitlines()[-1]
    print(f"{asked.side} x {asked.side}: {taken.seconds:.0f} s, at most {taken.peak_mb:.0f} MiB; {areas}")
    if asked.kill:
        cut = asked.folder / f"{run.name}-killed-{asked.side}"
        shutil.rmtree(cut, ignore_errors=True)
        first = watched(_command("predict", run, slide, "-o", cut), until=lambda: _rows(cut) > asked.side / 2)
        print(f"killed after {first.seconds:.0f} s with {_rows(cut)} rows")
        second = watched(_command("predict", run, slide, "-o", cut), until=None)
        here, there = _sums(whole), _sums(cut)
        other = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
        print(f"went on for {second.seconds:.0f} s, at most {second.peak_mb:.0f} MiB; {len(here)} files, other bytes in: {other or 'none'}")


def drawn(path: Path, side: int, blocks: Sequence[Path], *, seed: int = 0) -> Path:
    """A slide of pictures in a chequer, some of them left out, written tile by tile at each level."""
    rng = np.random.default_rng(seed)
    count = -(-side // BLOCK)
    chosen = np.where(rng.random((count, count)) < EMPTY, -1, rng.integers(0, len(blocks), (count, count)))
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for step in STEPS:
            n = -(-side // step)
            pictures = [_shrunk(p, step) for p in blocks]
            write_level(file, _tiles(pictures, chosen, n, BLOCK // step), n, step)
    return path


def _shrunk(path: Path, step: int) -> NDArray[np.uint8]:
    picture = io.read(path).read().transpose(1, 2, 0)
    return np.asarray(cv2.resize(picture.astype(np.uint8), None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA), np.uint8)


def _tiles(pictures: Sequence[NDArray[np.uint8]], chosen: NDArray[np.int64], n: int, block: int) -> Iterator[NDArray[np.uint8]]:
    """The tiles of a level, row by row."""
    glass = np.full((TILE, TILE, 3), 244, np.uint8)
    for y in range(0, n, TILE):
        for x in range(0, n, TILE):
            which = chosen[y // block, x // block]
            top, left = y % block, x % block
            yield glass if which < 0 else np.ascontiguousarray(pictures[which][top : top + TILE, left : left + TILE])


def watched(command: Sequence[str], *, until: Callable[[], bool] | None) -> Taken:
    """Run a command to its end, or kill it and all its children at once as soon as ``until`` says so."""
    start, peak = time.monotonic(), 0
    with subprocess.Popen(command) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            tree = _tree(root)
            peak = max(peak, sum(_resident(p) for p in tree))
            if until is not None and until():
                for p in tree:
                    p.kill()
                break
            time.sleep(OFTEN_S)
    if until is None and process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Taken(seconds=time.monotonic() - start, peak_mb=peak / 2**20)


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _rows(folder: Path) -> int:
    """Rows of the answer that are finished."""
    for state in folder.glob(".*.part/state.json"):
        return int(json.loads(state.read_text(encoding="utf-8"))["rows"])
    return 0


def _sums(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): _sum(p) for p in folder.rglob("*") if p.is_file()}


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "sagittal.cli", *map(str, words)]


def _call(*words: object) -> None:
    subprocess.run(_command(*words), check=True)


if __name__ == "__main__":
    main()
