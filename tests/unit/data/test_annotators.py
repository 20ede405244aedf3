"""Cases on which several people drew."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Geometry, Image
from sagittal.data.discover import discover
from sagittal.data.prepared import name_of
from sagittal.errors import Refused, UnreadableInput, UsageError

GRID = Geometry.picture((6, 9))


@pytest.fixture
def folder(tmp_path):
    for name, columns in (("a", 4), ("b", 5), ("c", 9)):
        mask = np.zeros((1, 6, 9), np.uint8)
        mask[..., :columns] = 1
        io.write(Image.of(mask, GRID), tmp_path / f"{name}.png")
    io.write(Image.of(np.zeros((1, 6, 9), np.uint8), GRID), tmp_path / "x.png")
    (tmp_path / "manifest.csv").write_text("case,group,image,annotation\n1,p1,x.png,a.png; b.png;c.png\n2,p2,x.png,a.png\n")
    return tmp_path


@pytest.mark.parametrize("rule", [None, "majority", "staple"])
def test_a_case_says_what_its_people_say_together(folder, rule):
    manifest = discover(folder, layout="manifest_csv", options={} if rule is None else {"annotators": rule}).manifest.check()
    masks = [manifest.annotation(case, like=GRID).mask_of(GRID) for case in manifest.cases]
    assert masks[0].sum(axis=1).tolist() == [5] * 6 and masks[1].sum(axis=1).tolist() == [4] * 6
    said = manifest.annotation(manifest.cases[0], like=GRID)
    assert said.label_of(GRID) == 1 and said.presence_of(GRID).tolist() == [True, True]
    with pytest.raises(Refused, match="objects of several people"):
        said.instances_of(GRID)


def test_a_way_to_join_that_is_none_and_a_file_that_is_missing_are_refused(folder):
    with pytest.raises(UsageError, match="no way of this name"):
        discover(folder, layout="manifest_csv", options={"annotators": "mean"})
    (folder / "c.png").unlink()
    with pytest.raises(UnreadableInput, match=r"c\.png"):
        discover(folder, layout="manifest_csv").manifest.check()


def test_a_prepared_case_is_made_anew_when_one_of_the_drawings_changes(folder):
    manifest = discover(folder, layout="manifest_csv").manifest
    before = name_of(manifest.cases[0], manifest)
    io.write(Image.of(np.ones((1, 6, 9), np.uint8), GRID), folder / "c.png")
    assert name_of(manifest.cases[0], manifest) != before
