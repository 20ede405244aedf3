"""Commands that ask a model, or tell what it answered: evaluate, explain, predict, compare, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagittal.cli import options
from sagittal.cli.asking import asks


@asks("evaluate")
def evaluate(
    run: options.ModelOf,
    data: options.OtherData = None,
    split: options.Split = None,
    out: Annotated[Path | None, options.out("A folder; RUN/evaluation/NAME if not said.")] = None,
    layout: options.Layout = None,
    allow: options.Let = None,
    allow_unreadable: options.AllowUnreadable = False,
    max_pixels: options.MaxPixels = None,
    device: options.Device = "auto",
    max_ram: options.MaxRam = None,
) -> None:
    """Scores with intervals, beside trivial baselines."""


@asks("explain")
def explain(
    run: options.ModelOf,
    data: options.OtherData = None,
    split: options.Split = None,
    cases: Annotated[list[str] | None, typer.Option("--case", metavar="ID", help="A case's id; may be repeated.")] = None,
    out: Annotated[Path | None, options.out("A folder; RUN/explanation/NAME if not said.")] = None,
    layout: options.Layout = None,
    allow: options.Let = None,
    allow_unreadable: options.AllowUnreadable = False,
    max_pixels: options.MaxPixels = None,
    device: options.Device = "auto",
) -> None:
    """Where the model looks, for hits and mistakes."""


@asks("predict")
def predict(
    run: options.ModelOf,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="Files, folders, tables, a manifest, a CSV of paths; T1=FILE T2=FILE for one case."),
    ],
    out: Annotated[Path, options.out("A folder.")],
    top: Annotated[int, typer.Option("--top", help="How many classes to list.")] = 3,
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Also pictures: where the model looks, or what it drew and how likely.")
    ] = True,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Of drawn answers, also the probability of each class.")] = False,
    allow: options.Let = None,
    allow_unreadable: options.AllowUnreadable = False,
    max_pixels: options.MaxPixels = None,
    device: options.Device = "auto",
    max_ram: options.MaxRam = None,
    mpp: Annotated[float | None, typer.Option("--mpp", help="Micrometres a pixel, where slides or pictures do not say it.")] = None,
) -> None:
    """Answers for new sources, in their own geometry."""


@asks("report")
def report(run: options.RunFolder, out: Annotated[Path | None, options.out("A file; RUN/report.html if not said.")] = None) -> None:
    """Write the report of a run again."""


@asks("compare")
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Two or more run directories that were evaluated.")],
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Of the evaluation: test, val, or that of other data.")] = "test",
) -> None:
    """Two or more runs on the same cases, paired, with intervals."""
