"""The options and arguments that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[str, typer.Argument(metavar="DATA", help="A folder, a table, a manifest.csv or an .npz.")]
DataIfAny = Annotated[str | None, typer.Argument(metavar="DATA", help="A folder, a table, a manifest.csv or an .npz.")]
OtherData = Annotated[str | None, typer.Option("--data", help="Another data set than the run's own.")]
ModelOf = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory or a .sagittal package.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Where to write.")]
Into = Annotated[Path, typer.Option("-o", "--out", help="Where to write.")]
NewFolder = Annotated[Path, typer.Option("-o", "--out", help="A new folder.")]
Recipe = Annotated[str | None, typer.Option("--recipe", help="A recipe's name or a YAML file.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="key.sub=value, over the recipe; may be repeated.")]
PartSets = Annotated[list[str] | None, typer.Option("--set", help="option=value; may be repeated.")]
DataSets = Annotated[list[str] | None, typer.Option("--set", help="data.key=value: an option of the layout; may be repeated.")]
Layout = Annotated[str | None, typer.Option("--layout", help="How the data lie; found by looking otherwise.")]
Split = Annotated[str | None, typer.Option("--split", help="train, val or test.")]
Allow = Annotated[list[str] | None, typer.Option("--allow", help="Go on in spite of a finding, such as GROUP_LEAK; the report says so.")]
Let = Annotated[list[str] | None, typer.Option("--allow", help="Read in spite of a refusal, such as SERIES_GAP.")]
AllowUnreadable = Annotated[bool, typer.Option("--allow-unreadable", help="Skip files that cannot be read, list them, and exit 11.")]
MaxPixels = Annotated[int | None, typer.Option("--max-pixels", help="The largest picture that is decoded.")]
MaxRam = Annotated[float | None, typer.Option("--max-ram", help="GiB that the windows of a drawn answer may take; 4 otherwise.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Of everything random in training; short for --set seed=N.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]
