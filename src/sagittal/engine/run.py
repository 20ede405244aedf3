"""A run: one directory that training writes and every other verb reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sagittal.engine.config import Recipe, recipe_of
from sagittal.errors import SagittalError, StorageFailure, UnreadableInput, UsageError
from sagittal.io import atomic

if TYPE_CHECKING:
    from sagittal.data.manifest import Manifest
    from sagittal.engine.plan import Plan


RECIPE = "recipe.yaml"
"""Written when a run is planned: what has it is a run."""


@dataclass(frozen=True, slots=True)
class Run:
    """The files of a run, by what they hold."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Run:
        """A new run directory.

        Raises:
            UsageError: Something is there already.
            StorageFailure: It cannot be made.
        """
        if atomic.is_taken(path):
            begun = path.is_dir() and (path / RECIPE).is_file()
            remedy = "name another with -o" + (", or go on with train --resume" if begun else "")
            raise UsageError("OUTPUT_EXISTS", path.name, "the output folder is not empty", remedy)
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / ".writable").touch()
            (path / ".writable").unlink()
        except OSError as error:
            raise StorageFailure("NOT_WRITABLE", path, error.strerror or str(error), "choose a folder that you may write to") from None
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> Run:
        """An existing run.

        Raises:
            UsageError: There is no run there.
        """
        if not (path / RECIPE).is_file():
            if (path / "manifest.csv").is_file() and (path / "environment.json").is_file():
                what = "its training was stopped before it had begun"
                raise UsageError("NOT_BEGUN", path, what, "remove the folder and give the first command again")
            raise UsageError("NOT_A_RUN", path, "this is not a run directory", "name a folder that `sagittal train` has written")
        return cls(path)

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @property
    def checkpoints(self) -> Path:
        """Where the weights are."""
        return self.path / "checkpoints"

    def evaluation(self, name: str) -> Path:
        """Where an evaluation is written."""
        return self.path / "evaluation" / name

    def explanation(self, name: str) -> Path:
        """Where an explanation is written."""
        return self.path / "explanation" / name

    def recipe(self) -> Recipe:
        """What the run was asked to do."""
        return recipe_of(yaml.safe_load((self.path / RECIPE).read_text(encoding="utf-8")))

    def write_recipe(self, recipe: Recipe) -> None:
        """Keep what the run was asked to do."""
        atomic.write_text(self.path / RECIPE, yaml.safe_dump(recipe.record(), sort_keys=False, allow_unicode=True))

    def plan(self) -> Plan:
        """What the data decided."""
        from sagittal.engine.plan import Plan

        return Plan.from_record(self.read("plan.json"))

    def manifest(self) -> Manifest:
        """The cases with their splits."""
        from sagittal.data import manifest

        return manifest.read(self.path / "manifest.csv")

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the run.

        Raises:
            UnreadableInput: It is not there or not JSON.
        """
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UnreadableInput("NOT_THERE", name, "the run has no such file", "finish the run with train --resume") from None
        except ValueError as error:
            raise UnreadableInput("NOT_JSON", name, str(error), "restore the file from a copy") from None
        if not isinstance(found, dict):
            raise UnreadableInput("NOT_JSON", name, "it is not an object", "restore the file from a copy")
        return found

    def has(self, name: str) -> bool:
        """Whether the run has this file."""
        return (self.path / name).exists()

    def write(self, name: str, record: Mapping[str, object]) -> None:
        """Write a JSON file of the run."""
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(self.path / name, record)

    def touched(self, split: str) -> int:
        """Count one more look at a split; the number is part of the report."""
        try:
            counts = self.read("touched.json")
        except SagittalError:
            counts = {"format": "sagittal-touched", "version": 1}
        counts[split] = int(counts.get(split, 0)) + 1
        self.write("touched.json", counts)
        return int(counts[split])
