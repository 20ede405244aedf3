"""Commands that keep a model or bring one: package, export, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagittal.cli import options
from sagittal.cli.asking import asks


@asks("package")
def package(run: options.RunFolder, out: Annotated[Path, options.out("A file ending in .sagittal.")]) -> None:
    """One file with weights, preparation, calibration and fingerprint."""


@asks("export")
def export(
    run: options.ModelOf,
    out: Annotated[Path, options.out("A file ending in .onnx.")],
    tolerance: Annotated[float, typer.Option("--tolerance", help="Largest allowed difference of a score.")] = 1e-4,
) -> None:
    """ONNX, with a parity check against our own answers."""


@asks("weights:get")
def weights_get(name: Annotated[str, typer.Argument(metavar="NAME", help="As `sagittal weights list` has it.")]) -> None:
    """Download published weights and check their hash."""


@asks("weights:known")
def weights_list() -> None:
    """Which published weights are known, and which are here."""


@asks("weights:convert")
def weights_convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A .pt or .pth of somebody else.")],
    out: Annotated[Path, options.out("A file ending in .safetensors.")],
) -> None:
    """A foreign .pt or .pth to safetensors, read in a child process that can do nothing else."""
