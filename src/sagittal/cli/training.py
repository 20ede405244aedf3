"""Commands that train: run, train, sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagittal.cli import options
from sagittal.cli.asking import asks


@asks("run")
def run(
    data: options.Data,
    out: options.NewRun = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    layout: options.Layout = None,
    allow: options.Allow = None,
    allow_unreadable: options.AllowUnreadable = False,
    max_pixels: options.MaxPixels = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    max_ram: options.TrainRam = None,
) -> None:
    """Audit, train, evaluate, explain and report, in one go."""


@asks("train")
def train(
    data: options.DataIfAny = None,
    out: options.NewRun = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    resume: Annotated[Path | None, typer.Option("--resume", metavar="RUN", help="Go on with this run.")] = None,
    layout: options.Layout = None,
    allow: options.Allow = None,
    allow_unreadable: options.AllowUnreadable = False,
    max_pixels: options.MaxPixels = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    max_ram: options.TrainRam = None,
) -> None:
    """Train a model; kill it at any moment and go on with --resume."""


@asks("sweep")
def sweep(
    data: options.Data,
    out: Annotated[Path | None, options.out("A folder; runs/DATA-sweep if not said.")] = None,
    grid: Annotated[list[str] | None, typer.Option("--grid", metavar="KEY=VALUE,VALUE", help="Every combination; may be repeated.")] = None,
    search: Annotated[
        list[str] | None, typer.Option("--search", metavar="KEY=LOW..HIGH[:log]", help="With --trials; may be repeated.")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", help="Draw so many trials (TPE) instead of the whole grid.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Trainings of each trial; the split stays the same.")] = 1,
    score: Annotated[
        str | None, typer.Option("--score", metavar="NAME", help="What of validation is compared: loss, accuracy, dice ...")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Trainings at a time, each in a process of its own.")] = 1,
    threads: Annotated[int | None, typer.Option("--threads", help="Of each training; the cores are shared out otherwise.")] = None,
    recipe: options.Recipe = None,
    sets: options.Sets = None,
    layout: options.Layout = None,
    allow: options.Allow = None,
    allow_unreadable: options.AllowUnreadable = False,
    max_pixels: options.MaxPixels = None,
    device: options.Device = "auto",
) -> None:
    """Many trainings on one split; validation chooses. The test split is never touched."""
