"""Small runs that tests package and export, and the tools to forge packages from a truthful one."""

from __future__ import annotations

import hashlib
import io as streams
import json
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sagittal import io
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.data.discover import discover
from sagittal.data.split import SplitRules, assign
from sagittal.engine import checkpoint
from sagittal.engine.config import load_recipe
from sagittal.engine.facts import facts_of
from sagittal.engine.infer import Predictor
from sagittal.engine.learn import calibrate, learn
from sagittal.engine.rules import decide
from sagittal.engine.run import Run

ORDER = ("model.json", "weights.safetensors", "card.md", "SHA256SUMS")


def table_run(folder: Path) -> Run:
    """Trained by the engine: two classes, a positive one, patients, calibrated."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 150)
    rows = rng.normal(size=(150, 4)) + truth[:, None] * 0.8
    lines = [
        ",".join(f"{v:.4f}" for v in row) + f",{'sick' if t else 'well'},p{i}" for i, (row, t) in enumerate(zip(rows, truth, strict=True))
    ]
    (folder / "t.csv").write_text("\n".join(["a,b,c,d,label,patient", *lines]) + "\n")
    run, plan, manifest = _planned(folder / "t.csv", folder / "run", ["train.epochs=1", "train.minutes=0.02", "labels.positive=sick"])
    learn(run, plan, manifest, device=torch.device("cpu"), say=lambda _: None)
    return run


def picture_run(folder: Path, *sets: str) -> Run:
    """Not trained, its weights are those it starts with: small grey pictures in folders of their classes."""
    rng = np.random.default_rng(0)
    for name in ("bright", "dark", "odd"):
        (folder / "data" / name).mkdir(parents=True)
        for i in range(14):
            values = rng.integers(0, 200, (1, 24, 28)).astype(np.uint8) + (50 if name == "bright" else 0)
            io.write(Image.of(values.astype(np.uint8), Geometry.picture((24, 28))), folder / "data" / name / f"{name}{i}.png")
    run, plan, manifest = _planned(
        folder / "data", folder / "run", ["model.name=preact_resnet", "model.widths=[8,12]", "model.blocks=1", *sets]
    )
    checkpoint.save(run.checkpoints / "best", checkpoint.Checkpoint(model=plan.network().state_dict(), optimizer=None, state={}))
    network = plan.network()
    calibrate(run, Predictor(plan=plan, task=plan.row, members=[network.eval()]), manifest)
    return run


def _planned(data: Path, out: Path, sets: Sequence[str]) -> tuple[Run, Any, Any]:
    recipe = load_recipe("auto", sets)
    manifest, _ = assign(discover(data).manifest, SplitRules(test=0.2, val=0.25))
    plan = decide(recipe, manifest, facts_of(manifest))
    run = Run.create(out)
    manifest.write(run.path)
    run.write_recipe(recipe)
    run.write("plan.json", plan.record())
    return run, plan, manifest


@dataclass(frozen=True)
class Truth:
    """A truthful package: its bytes and its files."""

    data: bytes
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, path: Path) -> Truth:
        with zipfile.ZipFile(path) as opened:
            return cls(data=path.read_bytes(), files={name: opened.read(name) for name in opened.namelist()})

    @property
    def model(self) -> dict[str, Any]:
        """A copy of ``model.json`` that may be changed."""
        return json.loads(self.files["model.json"])

    @property
    def header(self) -> dict[str, Any]:
        """A copy of the weights' header that may be changed."""
        weights = self.files["weights.safetensors"]
        return json.loads(weights[8 : 8 + struct.unpack("<Q", weights[:8])[0]])

    @property
    def numbers(self) -> bytes:
        """The weights behind their header."""
        weights = self.files["weights.safetensors"]
        return weights[8 + struct.unpack("<Q", weights[:8])[0] :]

    def but(self, **files: bytes | str) -> bytes:
        """The same package with other files (``_`` stands for the dot), its sums set right."""
        changed = dict(self.files) | {k.replace("_", ".", 1): v.encode() if isinstance(v, str) else v for k, v in files.items()}
        return zipped(summed(changed))

    def with_model(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """The same package with ``model.json`` changed."""
        model = self.model
        change(model)
        return self.but(model_json=json.dumps(model))

    def with_weights(self, header: Mapping[str, Any] | bytes, numbers: bytes) -> bytes:
        """The same package with other weights."""
        head = header if isinstance(header, bytes) else json.dumps(header).encode()
        return self.but(weights_safetensors=struct.pack("<Q", len(head)) + head + numbers)


def summed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with their true ``SHA256SUMS``."""
    plain = {name: data for name, data in files.items() if name != "SHA256SUMS"}
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(plain.items())]
    return {**plain, "SHA256SUMS": "".join(lines).encode()}


def zipped(
    files: Mapping[str, bytes], *, change: Callable[[zipfile.ZipInfo], object] = lambda _: None, twice: str = "", method: int = 0
) -> bytes:
    """A zip of files by an ordinary writer."""
    out = streams.BytesIO()
    with zipfile.ZipFile(out, "w", method) as into:
        for name in [*sorted(files, key=lambda n: (*ORDER, n).index(n)), *([twice] if twice else [])]:
            info = zipfile.ZipInfo(name, date_time=(2026, 1, 2, 3, 4, 6))
            info.compress_type, info.external_attr = method, 0o100644 << 16
            change(info)
            into.writestr(info, files[name])
    return out.getvalue()
