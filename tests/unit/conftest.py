"""Small data sets that can be learnt in seconds, and the way from a data set to its plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sagittal.data.discover import discover
from sagittal.data.manifest import Manifest
from sagittal.data.split import assign
from sagittal.engine.config import Recipe, load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.plan import Plan
from sagittal.engine.rules import decide
from sagittal.io.writers.raster import encode_png

TINY = ("model.name=preact_resnet", "model.widths=[4, 8]", "model.blocks=1", "train.epochs=2", "train.batch=8", "prepare.size=16")
"""A network that learns nothing, fast."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A data set with its splits, the recipe and what follows from both."""

    data: Path
    recipe: Recipe
    manifest: Manifest
    plan: Plan


def striped(rng: np.random.Generator, *, lying: bool, shape: tuple[int, int] = (24, 20)) -> np.ndarray:
    """Noise with three lines: lying or standing."""
    values = rng.normal(90, 25, shape)
    for at in rng.choice(min(shape), 3, replace=False):
        values[(slice(at, at + 1), slice(None)) if lying else (slice(None), slice(at, at + 1))] += 110
    return np.clip(values, 0, 255).astype(np.uint8)


def write_stripes(
    root: Path, *, patients: int = 15, each: int = 2, seed: int = 0, add: int = 0, names: Sequence[str] = ("lying", "standing")
) -> Path:
    """``root/CLASS/p<patient>-<n>.png``, ``each`` pictures a patient and class."""
    rng = np.random.default_rng(seed)
    for kind, name in enumerate(names):
        (root / name).mkdir(parents=True, exist_ok=True)
        for patient in range(patients):
            for n in range(each):
                values = striped(rng, lying=kind == 0).astype(int) + add
                path = root / name / f"p{100 * (kind + 1) + patient}-{n}.png"
                path.write_bytes(encode_png(np.clip(values, 0, 255).astype(np.uint8)[None]))
    return root


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures of 30 patients in two class folders; not to be changed."""
    return write_stripes(tmp_path_factory.mktemp("data") / "stripes")


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table: the class is whether ``a + b > 0``; ``c`` says nothing."""
    values = np.random.default_rng(3).normal(size=(120, 3))
    lines = [f"{a:.4f},{b:.4f},{c:.4f},{'high' if a + b > 0 else 'low'}" for a, b, c in values]
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    path.write_text("\n".join(["a,b,c,class", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def planned() -> Callable[..., Planned]:
    """From a data set and settings to a plan, as ``train`` makes it; by default of a tiny network."""

    def make(data: Path, *sets: str, base: Sequence[str] = TINY) -> Planned:
        recipe = load_recipe("auto", [*base, *sets])
        manifest, _ = assign(discover(data).manifest, recipe.split.rules())
        return Planned(data=data, recipe=recipe, manifest=manifest, plan=decide(recipe, manifest, facts_of(manifest)))

    return make
