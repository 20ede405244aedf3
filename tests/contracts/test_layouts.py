"""What every layout keeps to, ours and those of other packages."""

from __future__ import annotations

import inspect
from pathlib import Path

import cv2
import numpy as np
import pytest

from sagittal.data.discover import LAYOUTS
from sagittal.data.layouts._found import Found
from sagittal.errors import SagittalError


def _picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (16, 16), dtype=np.uint8))


def _sets(root: Path) -> list[Path]:
    """Data sets of several kinds, and folders that are none."""
    for seed, name in enumerate(["train/a/1", "train/b/2", "test/a/3", "test/b/4"]):
        _picture(root / f"classes/{name}.png", seed)
    for i in range(4):
        _picture(root / f"pairs/images/{i}.png", i)
        _picture(root / f"csv/{i}.png", i)
    for i in range(4):
        (root / "pairs/masks").mkdir(exist_ok=True)
        cv2.imwrite(str(root / f"pairs/masks/{i}.png"), np.eye(16, dtype=np.uint8) * 255)
    (root / "csv/t.csv").write_text("file,label\n" + "".join(f"{i}.png,{'xy'[i % 2]}\n" for i in range(4)))
    (root / "table").mkdir()
    (root / "table/t.csv").write_text("a,b,label\n" + "".join(f"{i}.5,{i},{'xy'[i % 2]}\n" for i in range(8)))
    np.savez(root / "arrays.npz", train_images=np.zeros((4, 8, 8), np.uint8), train_labels=np.arange(4) % 2)
    (root / "empty").mkdir()
    (root / "notes").mkdir()
    (root / "notes/train.txt").write_text("nothing\n")
    (root / "notes/broken.csv").write_bytes(b"\xff\xfe\x00")
    (root / "notes/broken.npz").write_bytes(b"PK\x03\x04" + b"x" * 50)
    (root / "notes/broken.svg").write_text("<svg")
    return [*(p for p in root.iterdir() if p.is_dir()), root / "arrays.npz", root / "table/t.csv", root / "notes/train.txt"]


def check_layout(name: str, root: Path) -> None:
    """A layout looks, says None or a checked manifest with a sentence, and never stumbles."""
    part = LAYOUTS.get(name)
    parameters = list(inspect.signature(part).parameters.values())
    assert parameters[0].name == "root"
    assert all((p.kind is inspect.Parameter.KEYWORD_ONLY and p.default is None) or p.name == "unmarked" for p in parameters[1:])
    assert part.__doc__
    assert LAYOUTS.summary(name).endswith((".", "hand."))
    for place in _sets(root):
        try:
            found = part(place)
        except SagittalError as error:
            assert error.exit_code in {2, 3}, error
            assert error.remedy
            continue
        if found is None:
            continue
        assert isinstance(found, Found)
        assert found.layout == name
        assert len(found.sentence) > 10
        assert found.manifest.check().provenance["layout"] == name
        assert found.manifest.digest == part(place).manifest.digest


@pytest.mark.parametrize("name", LAYOUTS.names())
def test_layouts_keep_the_contract(name, tmp_path):
    check_layout(name, tmp_path)
