"""What the tests of several verbs share: trained runs, which are not to be changed, and a file that contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from sagittal.phantoms.slide import slide
from sagittal.verbs.train import train

LEARNS = (
    "model.name=preact_resnet",
    "model.widths=[8, 16]",
    "model.blocks=1",
    "train.epochs=6",
    "train.batch=8",
    "train.lr=0.01",
    "prepare.size=24",
)
SLIDES: dict[str, Any] = {
    "train.epochs": 1,
    "windows": {"name": "tissue", "size": 64, "per_case": 2, "overlap": 0.25},
    "model": {"name": "unet", "widths": [4, 8]},
    "explain.cases": 0,
    "evaluate.flips": [],
}
TABLE = ("train.epochs=2", "model.members=2", "train.rounds=10")


@pytest.fixture(scope="session")
def stripes_run(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tells lying from standing stripes."""
    made = train(stripes, out=tmp_path_factory.mktemp("runs") / "stripes", sets=[*LEARNS, "labels.positive=standing", "explain.cases=1"])
    assert made.path is not None
    return made.path


@pytest.fixture(scope="session")
def rows_run(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the table of three columns of which the third says nothing."""
    made = train(rows, out=tmp_path_factory.mktemp("runs") / "rows", sets=TABLE)
    assert made.path is not None
    return made.path


@pytest.fixture(scope="session")
def slides_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Gives a run on tiny slides of five patients, and their folder; further settings go over the usual ones."""

    def trained(**sets: Any) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("slides")
        data = slide(folder / "data", patients=5, size=(512, 640))
        made = train(data, out=folder / "run", sets={**SLIDES, **sets})
        assert made.path is not None
        return made.path, data

    return trained


@pytest.fixture(scope="session")
def tear() -> Callable[[Path], None]:
    """Gives a NIfTI file a qform that lies 5 mm beside its sform."""

    def torn(path: Path) -> None:
        made = nibabel.load(path)
        made = nibabel.Nifti1Image(np.asarray(made.dataobj), made.affine, made.header)
        moved = made.affine.copy()
        moved[0, 3] += 5
        made.set_qform(moved, code=1)
        nibabel.save(made, path)

    return torn
