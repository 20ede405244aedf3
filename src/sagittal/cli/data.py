"""Commands about data and what there is: audit, convert, show, list, phantom, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagittal.cli import options
from sagittal.cli.asking import asks


@asks("audit")
def audit(
    data: options.Data,
    out: Annotated[Path | None, options.out("A folder; audit-DATA if not said.")] = None,
    layout: options.Layout = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="PATTERN|COLUMN", help="A pattern of file names whose first (...) is the patient, or a column."),
    ] = None,
    sets: options.DataSets = None,
    allow: options.Allow = None,
    allow_unreadable: options.AllowUnreadable = False,
    max_pixels: options.MaxPixels = None,
) -> None:
    """What the data are, and what is wrong with them. Writes audit.html, audit.json and manifest.csv."""


@asks("convert")
def convert(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="Folders or archives of DICOM; NIfTI, NRRD, MHA, npy files.")],
    out: options.NewFolder,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="nifti, nrrd or mha.")] = "nifti",
    time: Annotated[
        str, typer.Option("--time", metavar="HOW", help="apart, or together: time points and diffusion in one 4-D file.")
    ] = "apart",
    scaling: Annotated[
        str,
        typer.Option("--scaling", metavar="HOW", help="precise: where Philips gives a scale that can be compared, that one; or standard."),
    ] = "precise",
    allow: options.Let = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="Put series descriptions into names; they may hold a patient's name.")
    ] = False,
    max_pixels: options.MaxPixels = None,
) -> None:
    """Every volume as a file, its world kept exactly. A JSON file beside each says what it is."""


@asks("show")
def show(
    what: Annotated[
        list[str], typer.Argument(metavar="SOURCE|RUN|FILE.sagittal|model NAME", help="One of these; a folder of volumes is listed.")
    ],
    out: Annotated[Path | None, options.out("Draw the source into this PNG.")] = None,
    window: Annotated[
        str | None, typer.Option("--window", metavar="NAME|LOW,HIGH", help="Of a volume: lung, bone, brain, soft (HU), or LOW,HIGH.")
    ] = None,
    allow: options.Let = None,
    size: Annotated[int | None, typer.Option("--size", help="For a model: side of the input; 224, of volumes 64.")] = None,
    classes: Annotated[int | None, typer.Option("--classes", help="For a model; 1000 of pictures, else 2.")] = None,
    channels: Annotated[int | None, typer.Option("--channels", help="For a model; 3, of volumes 1.")] = None,
    axes: Annotated[int | None, typer.Option("--axes", help="For a model: 3 for volumes, 2 for pictures, 0 for tables.")] = None,
    sets: options.PartSets = None,
) -> None:
    """A source, a run, a package or a model in short. Pictures with their headers, volumes of a folder, layer tables."""


@asks("list:list_parts")
def list_(
    shelf: Annotated[
        str | None, typer.Argument(metavar="SHELF", help="models, recipes, layouts, settings ...; all of them if not said.")
    ] = None,
) -> None:
    """What there is: models, recipes, layouts, metrics ..."""


@asks("phantom")
def phantom(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="retina, tiles, brain, chest, table, multilabel ...")],
    out: options.NewFolder,
    sets: options.PartSets = None,
    seed: Annotated[int, typer.Option("--seed", help="Another number draws other patients.")] = 0,
) -> None:
    """A synthetic data set, free of anybody's data."""


@asks("demo")
def demo(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="retina: pictures; brain: volumes.")] = "retina",
    out: Annotated[Path | None, options.out("A folder; demo if not said.")] = None,
) -> None:
    """Synthetic data, a run and its report. Offline, in about two minutes on two cores."""
