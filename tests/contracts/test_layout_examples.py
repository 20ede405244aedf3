"""Every layout on the shelf knows a data set that lies as it says."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.data.discover import discover
from sagittal.phantoms.brain import brain
from sagittal.phantoms.multilabel import multilabel
from sagittal.phantoms.retina import retina
from sagittal.phantoms.table import table
from sagittal.phantoms.tiles import tiles
from sagittal.shelf import Shelf
from sagittal.testing import check_layout
from sagittal.testing.series import plain_series, write_series

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


def _volume(path: Path, values: np.ndarray, *, spacing: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = Geometry(shape=values.shape[-3:], affine=np.diag([spacing, spacing, spacing, 1.0]), unit="mm", frame="patient")
    io.write(Image.of(values.reshape(-1, *grid.shape), grid), path)


def _heads(names: list[str], masks: list[str], codes: tuple[int, ...], out: Path) -> Path:
    """Generated volumes of these names, a subject for each number that is put into them."""
    rng = np.random.default_rng(0)
    for number in range(1, 4):
        drawn = rng.choice(np.array(codes), (6, 7, 8)).astype(np.uint8)
        for name in names:
            _volume(out / name.format(number), (100 * rng.random((6, 7, 8)) + drawn).astype(np.int16))
        for name in masks:
            _volume(out / name.format(number), drawn)
    return out


def _decathlon(out: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(1, 4):
        _volume(out / f"imagesTr/prostate_{i:02}.nii.gz", rng.integers(0, 99, (2, 6, 7, 8)).astype(np.int16))
        _volume(out / f"labelsTr/prostate_{i:02}.nii.gz", rng.integers(0, 3, (6, 7, 8)).astype(np.uint8))
    listed = [{"image": f"./imagesTr/prostate_{i:02}.nii.gz", "label": f"./labelsTr/prostate_{i:02}.nii.gz"} for i in range(1, 4)]
    record = {"name": "PROSTATE", "modality": {"0": "T2", "1": "ADC"}, "labels": {"0": "background", "1": "PZ", "2": "TZ"}}
    (out / "dataset.json").write_text(json.dumps({**record, "training": listed, "test": []}))
    return out


def _nnunet(out: Path) -> Path:
    _heads(["imagesTr/liver_{}_0000.nii.gz", "imagesTr/liver_{}_0001.nii.gz"], ["labelsTr/liver_{}.nii.gz"], (0, 1, 2), out)
    record = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "liver": 1, "tumour": 2}, "file_ending": ".nii.gz"}
    (out / "dataset.json").write_text(json.dumps({**record, "numTraining": 3}))
    return out


def _arrays(out: Path) -> Path:
    out.mkdir()
    masks = np.zeros((4, 16, 16, 1), np.uint8)
    masks[:, 4:9, 4:9] = 1
    np.savez(out / "lungs_train.npz", images=np.random.default_rng(0).random((4, 16, 16, 1), dtype=np.float32), masks=masks)
    return out


def _dicom(out: Path) -> Path:
    for patient in range(4):
        tags = {0x00100020: f"p{patient}", 0x00100010: f"n{patient}", 0x0020000E: f"1.2.3.{patient + 10}"}
        write_series([one.tagged(tags) for one in plain_series(slices=3)], out / f"CASE{patient}" / "IM")
    rows = [f"CASE{patient},{'ab'[patient % 2]}" for patient in range(4)]
    (out / "labels.csv").write_text("folder,label\n" + "\n".join(rows) + "\n")
    return out


EXAMPLES: dict[str, Callable[[Path], Path]] = {
    "any_csv": _csv,
    "array_pairs": _arrays,
    "bids": partial(
        _heads, ["sub-{0:02}/anat/sub-{0:02}_T1w.nii.gz"], ["derivatives/manual/sub-{0:02}/anat/sub-{0:02}_dseg.nii.gz"], (0, 1)
    ),
    "brats": partial(
        _heads,
        [f"HGG/BraTS19_{{0}}_1/BraTS19_{{0}}_1_{part}.nii.gz" for part in ("flair", "t1", "t1ce", "t2")],
        ["HGG/BraTS19_{0}_1/BraTS19_{0}_1_seg.nii.gz"],
        (0, 1, 2, 4),
    ),
    "covid_ct_seg": partial(
        _heads, ["ct_scans/coronacases_org_{0:03}.nii"], ["lung_and_infection_mask/coronacases_{0:03}.nii"], (0, 1, 2, 3)
    ),
    "decathlon": _decathlon,
    "dicom_tree": _dicom,
    "ibsr": partial(
        _heads, ["Training_Set/IBSR_{0:02}/IBSR_{0:02}.nii.gz"], ["Training_Set/IBSR_{0:02}/IBSR_{0:02}_seg.nii.gz"], (0, 1, 2, 3)
    ),
    "iseg": partial(_heads, ["subject-{}-T1.nii", "subject-{}-T2.nii"], ["subject-{}-label.nii"], (0, 10, 150, 250)),
    "ixi": partial(_heads, ["IXI-T1/IXI{0:03}-Guys-08{0:02}-T1.nii.gz", "IXI-T2/IXI{0:03}-Guys-08{0:02}-T2.nii.gz"], [], (0,)),
    "mask_folders": partial(
        _heads, ["s{0:04}/ct.nii.gz"], ["s{0:04}/segmentations/liver.nii.gz", "s{0:04}/segmentations/aorta.nii.gz"], (0, 1)
    ),
    "mrbrains": partial(
        _heads, ["training/{}/pre/FLAIR.nii.gz", "training/{}/pre/reg_T1.nii.gz"], ["training/{}/segm.nii.gz"], tuple(range(11))
    ),
    "nnunet": _nnunet,
    "class_folders": _folders,
    "image_pairs": lambda out: brain(out, patients=6, spacing=12.0),
    "manifest_csv": _manifest,
    "medmnist_npz": _medmnist,
    "pictures": _bare,
    "split_lists": _lists,
    "subject_folders": _subjects,
    "outline_pairs": lambda out: tiles(out, patients=6, each=1, size=(128, 128)),
    "table": lambda out: table(out, patients=20),
}


@pytest.mark.parametrize("name", SHELF.names())
def test_a_layout_keeps_the_contract(name, tmp_path):
    check_layout(SHELF.get(name), EXAMPLES[name](tmp_path / "data"))


@pytest.mark.parametrize("name", sorted(set(SHELF.names()) - {"pictures", "manifest_csv"}))
def test_of_several_layouts_that_fit_the_one_that_says_more_wins(name, tmp_path):
    assert discover(EXAMPLES[name](tmp_path / "data")).layout == name


def test_a_manifest_that_was_written_is_read_as_it_was(tmp_path):
    data = _manifest(tmp_path / "data")
    with (data / "manifest.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(discover(data).manifest)
