"""A loss that cannot compare what was said is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Case, Geometry, Image, Labels
from sagittal.data.manifest import Manifest
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.rules import decide
from sagittal.errors import UsageError


def masks(folder: Path) -> Manifest:
    head = np.random.default_rng(0).integers(50, 900, (20, 20, 20)).astype(np.int16)
    grid = Geometry(shape=(20, 20, 20), affine=np.eye(4), unit="mm")
    io.write(Image.of(head[None], grid), folder / "a.nii.gz")
    io.write(Image.of((head > 400).astype(np.uint8)[None], grid), folder / "m.nii.gz")
    case = Case(id="a", images={"image": "a.nii.gz"}, annotation="m.nii.gz", split="train")
    labels = Labels(classes=("background", "lesion"), codes={"background": 0, "lesion": 1}, background="background")
    return Manifest(cases=(case,), labels=labels, root=folder, provenance={"said": "mask"})


def rows(folder: Path, said: str) -> Manifest:
    (folder / "t.csv").write_text("a,b\n" + "".join(f"{n},{n * n % 7}\n" for n in range(20)))
    labels = Labels(classes=("days",)) if said == "value" else Labels(classes=("M", "R"))
    told = [f"{40 + n}" if said == "value" else "MR"[n % 2] for n in range(20)]
    cases = tuple(Case(id=str(n), split="train", images={"row": f"t.csv::{n}"}, label=label) for n, label in enumerate(told))
    return Manifest(cases=cases, labels=labels, root=folder, provenance={"said": said, "features": ["a", "b"]})


MADE = {"mask": masks, "value": lambda folder: rows(folder, "value"), "label": lambda folder: rows(folder, "label")}


@pytest.mark.parametrize(
    ("said", "wrong", "right"),
    [
        ("mask", ["mse", "l1", "bce", "weighted_smooth_l1"], ["dice", "dice_ce", "dice_bce", "cross_entropy", "boundary", "vae"]),
        ("label", ["mse", "smooth_l1", "dice_ce", "dice", "tversky", "boundary", "vae"], ["cross_entropy", "focal"]),
        (
            "value",
            ["bce", "dice_ce", "dice_bce", "cross_entropy", "focal", "centre", "tags_angular"],
            ["mse", "l1", "smooth_l1", "weighted_smooth_l1"],
        ),
    ],
)
def test_a_loss_fits_what_was_said(tmp_path, said, wrong, right):
    manifest = MADE[said](tmp_path)
    facts = facts_of(manifest)
    for name in right:
        assert decide(load_recipe("auto", [f"loss.name={name}"]), manifest, facts).loss.name == name
    for name in wrong:
        with pytest.raises(UsageError, match=rf"LOSS loss.name={name}: cannot compare .*; choose one of: ") as refused:
            decide(load_recipe("auto", [f"loss.name={name}"]), manifest, facts)
        assert refused.value.exit_code == 2
        offered = refused.value.remedy.partition(";")[0].removeprefix("choose one of: ").split(", ")
        assert {*right} <= {*offered}
        assert not {*wrong} & {*offered}


def test_options_that_do_not_fit_are_told_apart_from_a_loss_that_does_not(tmp_path):
    manifest = masks(tmp_path)
    decide(load_recipe("auto", ["loss.name=cross_entropy", "loss.weight=[1, 2]"]), manifest, facts_of(manifest))
    with pytest.raises(UsageError, match="LOSS loss of cross_entropy: with these options it cannot be computed"):
        decide(load_recipe("auto", ["loss.name=cross_entropy", "loss.weight=[1, 2, 3]"]), manifest, facts_of(manifest))
