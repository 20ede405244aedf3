"""The options and arguments that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def out(written: str) -> Any:
    """``-o``: what is written there, and where to without it."""
    return typer.Option("-o", "--out", metavar="PATH", help=written)


Data = Annotated[str, typer.Argument(metavar="DATA", help="A folder, a table, a manifest.csv or an .npz.")]
DataIfAny = Annotated[str | None, typer.Argument(metavar="DATA", help="A folder, a table, a manifest.csv or an .npz.")]
OtherData = Annotated[str | None, typer.Option("--data", metavar="DATA", help="Another data set than the run's own.")]
ModelOf = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory or a .sagittal package.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]
NewRun = Annotated[Path | None, out("The run directory; runs/DATA-TIME if not said.")]
NewFolder = Annotated[Path, out("A new folder.")]
Recipe = Annotated[str | None, typer.Option("--recipe", metavar="NAME|FILE", help="A recipe's name or a YAML file.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting over the recipe; may be repeated.")]
PartSets = Annotated[list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of it; may be repeated.")]
DataSets = Annotated[list[str] | None, typer.Option("--set", metavar="data.KEY=VALUE", help="An option of the layout; may be repeated.")]
Layout = Annotated[str | None, typer.Option("--layout", metavar="NAME", help="How the data lie; found by looking otherwise.")]
Split = Annotated[str | None, typer.Option("--split", metavar="NAME", help="train, val or test.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="CODE", help="Go on in spite of a finding, such as GROUP_LEAK; the report says so. May be repeated."),
]
Let = Annotated[
    list[str] | None, typer.Option("--allow", metavar="CODE", help="Read in spite of a refusal, such as SERIES_GAP; may be repeated.")
]
AllowUnreadable = Annotated[bool, typer.Option("--allow-unreadable", help="Skip files that cannot be read, list them, and exit 11.")]
MaxPixels = Annotated[int | None, typer.Option("--max-pixels", help="Refuse images of more pixels or voxels; 2^29 if not said.")]
MaxRam = Annotated[float | None, typer.Option("--max-ram", help="GiB that the windows of a drawn answer may take; 4 if not said.")]
TrainRam = Annotated[
    float | None, typer.Option("--max-ram", help="GiB that a training step, and the windows of a drawn answer, may take; 4 if not said.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Of everything random in training; short for --set seed=N.")]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 ...")]
