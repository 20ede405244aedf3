"""What every phantom on the shelf promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sagittal.errors import UsageError
from sagittal.shelf import Shelf

SHELF = Shelf("sagittal.phantoms", kind="phantom")
SMALL: dict[str, dict[str, object]] = {
    "retina": {"patients": 12, "scans": 2, "size": (62, 64)},
    "brain": {"patients": 6, "spacing": 16.0, "thickness": 24.0},
    "tiles": {"patients": 6, "tiles": 1, "size": 64},
    "multilabel": {"patients": 20, "views": 1, "size": 32},
}


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", SHELF.names())
def test_a_phantom_keeps_the_contract(name: str, tmp_path: Path) -> None:
    draw, small = SHELF.get(name), SMALL.get(name, {})
    made = draw(tmp_path / "a", **small)
    assert made == tmp_path / "a"
    told = json.loads((made / "planted.json").read_text())
    assert (told["format"], told["kind"], told["seed"]) == ("sagittal-phantom", name, 0)
    assert _files(made) == _files(draw(tmp_path / "b", **small)), "the same seed gives the same bytes"
    assert _files(made) != _files(draw(tmp_path / "c", **small, seed=1)), "another seed gives others"
    with pytest.raises(UsageError):
        draw(made, **small)
