"""Every layout on the shelf knows a data set that lies as it says."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sagittal.data.discover import discover
from sagittal.phantoms.brain import brain
from sagittal.phantoms.multilabel import multilabel
from sagittal.phantoms.retina import retina
from sagittal.phantoms.table import table
from sagittal.phantoms.tiles import tiles
from sagittal.shelf import Shelf
from sagittal.testing import check_layout

SHELF = Shelf("sagittal.data.layouts", kind="layout")


def _folders(out: Path) -> Path:
    return retina(out, patients=12, scans=2, size=(62, 64), flawed=False)


def _manifest(out: Path) -> Path:
    data = _folders(out)
    discover(data, layout="class_folders").manifest.write(data)
    return data


def _lists(out: Path) -> Path:
    data = _folders(out / "raw")
    for split in ("train", "val", "test"):
        for name in ("CNV", "NORMAL"):
            (out / "images" / name).mkdir(parents=True, exist_ok=True)
            for path in sorted((data / split / name).iterdir()):
                shutil.copy(path, out / "images" / name / path.name)
            (out / "lists" / name).mkdir(parents=True, exist_ok=True)
            lines = [p.name for p in sorted((data / split / name).iterdir())]
            (out / "lists" / name / f"{split}_{name}.txt").write_text("\n".join(lines) + "\n")
    shutil.rmtree(data)
    return out


def _subjects(out: Path) -> Path:
    data = brain(out / "raw", patients=6, spacing=12.0)
    for path in sorted(data.glob("image_*")):
        number = path.name.split("_")[1].split(".")[0]
        folder = out / "heads" / f"sub_{number}"
        folder.mkdir(parents=True)
        shutil.copy(path, folder / "t1.nii.gz")
        shutil.copy(data / path.name.replace("image", "label"), folder / "seg.nii.gz")
    return out / "heads"


def _medmnist(out: Path) -> Path:
    out.mkdir()
    rng, parts = np.random.default_rng(0), {}
    for split, n in (("train", 12), ("val", 6), ("test", 6)):
        parts[f"{split}_images"] = rng.integers(0, 255, (n, 28, 28), dtype=np.uint8)
        parts[f"{split}_labels"] = (np.arange(n) % 2)[:, None].astype(np.uint8)
    np.savez(out / "small.npz", **parts)
    return out / "small.npz"


def _bare(out: Path) -> Path:
    data = multilabel(out, patients=8, each=1, size=(32, 32))
    (data / "findings.csv").unlink()
    (data / "planted.json").unlink()
    return data


def _csv(out: Path) -> Path:
    return multilabel(out, patients=8, each=1, size=(32, 32))


EXAMPLES: dict[str, Callable[[Path], Path]] = {
    "any_csv": _csv,
    "class_folders": _folders,
    "image_pairs": lambda out: brain(out, patients=6, spacing=12.0),
    "manifest_csv": _manifest,
    "medmnist_npz": _medmnist,
    "pictures": _bare,
    "split_lists": _lists,
    "subject_folders": _subjects,
    "svg_pairs": lambda out: tiles(out, patients=6, each=1, size=(128, 128)),
    "table": lambda out: table(out, patients=20),
}


@pytest.mark.parametrize("name", SHELF.names())
def test_a_layout_keeps_the_contract(name, tmp_path):
    check_layout(SHELF.get(name), EXAMPLES[name](tmp_path / "data"))


def test_a_manifest_that_was_written_is_read_as_it_was(tmp_path):
    data = _manifest(tmp_path / "data")
    with (data / "manifest.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(discover(data).manifest)
