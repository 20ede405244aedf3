"""The command line: argv to one verb. Heavy imports happen inside the verb that needs them."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from sagittal.errors import SagittalError, UsageError, nearest, one_line

NOTICE = "For research. Not a medical device: no answer of it may decide on a patient by itself."

app = typer.Typer(
    name="sagittal",
    help=f"One deep-learning system for medical images: it automates the honesty.\n\n{NOTICE}",
    epilog="Everywhere: --json prints one object on stdout; --debug shows the traceback of an error.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
weights_app = typer.Typer(help="Published weights to start from.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(weights_app, name="weights")

DataArg = Annotated[str, typer.Argument(metavar="DATA", help="A folder, a table, a manifest.csv or an .npz.")]
RunArg = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory or a .sagittal package.")]
OutOption = Annotated[Path | None, typer.Option("-o", "--out", help="Where to write.")]
RecipeOption = Annotated[str | None, typer.Option("--recipe", help="A recipe's name or a YAML file.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="key.sub=value, over the recipe; may be repeated.")]
LayoutOption = Annotated[str | None, typer.Option("--layout", help="How the data lie; found by looking otherwise.")]
AllowOption = Annotated[
    list[str] | None, typer.Option("--allow", help="Go on in spite of a finding, such as GROUP_LEAK; the report says so.")
]
UnreadableOption = Annotated[bool, typer.Option("--allow-unreadable", help="Skip files that cannot be read, list them, and exit 11.")]
PixelsOption = Annotated[int | None, typer.Option("--max-pixels", help="The largest picture that is decoded.")]
RamOption = Annotated[float | None, typer.Option("--max-ram", help="GiB that the windows of a drawn answer may take; 4 otherwise.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Of everything random in training; short for --set seed=N.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]


@dataclass(slots=True)
class _Mode:
    """What ``--json`` and ``--debug`` said."""

    json: bool = False
    debug: bool = False
    said: bool = field(default=False)


_MODE = _Mode()


def _done(record: dict[str, Any], lines: Sequence[str] = ()) -> None:
    """The last word of a verb: one object for programs, lines for people."""
    if _MODE.json:
        typer.echo(json.dumps({"exit": 0, **record}, ensure_ascii=False, default=str))
        _MODE.said = True
    else:
        for line in lines:
            typer.echo(line)


@app.command()
def run(
    data: DataArg,
    out: OutOption = None,
    recipe: RecipeOption = None,
    sets: SetOption = None,
    layout: LayoutOption = None,
    allow: AllowOption = None,
    allow_unreadable: UnreadableOption = False,
    max_pixels: PixelsOption = None,
    seed: SeedOption = None,
    device: DeviceOption = "auto",
    max_ram: RamOption = None,
) -> None:
    """Audit, train, evaluate, explain and report, in one go."""
    from sagittal.verbs.run import run as verb

    made = verb(
        data,
        out=out,
        recipe=recipe,
        sets=sets or (),
        layout=layout,
        allow=allow or (),
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        seed=seed,
        device=device,
        max_ram=max_ram,
    )
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def audit(
    data: DataArg,
    out: OutOption = None,
    layout: LayoutOption = None,
    group: Annotated[str | None, typer.Option("--group", help="A pattern whose first group is the patient, or a column.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="data.key=value: an option of the layout; may be repeated.")] = None,
    allow: AllowOption = None,
    allow_unreadable: UnreadableOption = False,
    max_pixels: PixelsOption = None,
) -> None:
    """What the data are and what is wrong with them: audit.html, audit.json, manifest.csv."""
    from sagittal.verbs.audit import audit as verb

    made = verb(
        data,
        out=out,
        layout=layout,
        group=group,
        sets=sets or (),
        allow=allow or (),
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
    )
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def train(
    data: Annotated[str | None, typer.Argument(metavar="DATA", help="A folder, a table, a manifest.csv or an .npz.")] = None,
    out: OutOption = None,
    recipe: RecipeOption = None,
    sets: SetOption = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="Go on with this run.")] = None,
    layout: LayoutOption = None,
    allow: AllowOption = None,
    allow_unreadable: UnreadableOption = False,
    max_pixels: PixelsOption = None,
    seed: SeedOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Train a model; kill it at any moment and go on with --resume."""
    from sagittal.verbs.train import train as verb

    made = verb(
        data,
        out=out,
        recipe=recipe,
        sets=sets or (),
        resume=resume,
        layout=layout,
        allow=allow or (),
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        seed=seed,
        device=device,
    )
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def sweep(
    data: DataArg,
    out: OutOption = None,
    grid: Annotated[list[str] | None, typer.Option("--grid", help="key=value,value: every combination; may be repeated.")] = None,
    search: Annotated[list[str] | None, typer.Option("--search", help="key=low..high[:log], with --trials; may be repeated.")] = None,
    trials: Annotated[int | None, typer.Option("--trials", help="Draw so many trials (TPE) instead of the whole grid.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Trainings of each trial; the split stays the same.")] = 1,
    score: Annotated[str | None, typer.Option("--score", help="What of validation is compared: loss, accuracy, dice ...")] = None,
    workers: Annotated[int, typer.Option("--workers", help="Trainings at a time, each in a process of its own.")] = 1,
    threads: Annotated[int | None, typer.Option("--threads", help="Of each training; the cores are shared out otherwise.")] = None,
    recipe: RecipeOption = None,
    sets: SetOption = None,
    layout: LayoutOption = None,
    allow: AllowOption = None,
    allow_unreadable: UnreadableOption = False,
    max_pixels: PixelsOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Many trainings on one split; validation chooses, the test split is never touched."""
    from sagittal.verbs.sweep import sweep as verb

    made = verb(
        data,
        out=out,
        grid=grid or (),
        search=search or (),
        trials=trials,
        seeds=seeds,
        score=score,
        workers=workers,
        threads=threads,
        recipe=recipe,
        sets=sets or (),
        layout=layout,
        allow=allow or (),
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        device=device,
    )
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def evaluate(
    run: RunArg,
    data: Annotated[str | None, typer.Option("--data", help="Another data set, scored as a whole.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="train, val or test.")] = None,
    out: OutOption = None,
    layout: LayoutOption = None,
    allow_unreadable: UnreadableOption = False,
    max_pixels: PixelsOption = None,
    device: DeviceOption = "auto",
    max_ram: RamOption = None,
) -> None:
    """Scores with intervals, beside trivial baselines."""
    from sagittal.verbs.evaluate import evaluate as verb

    made = verb(
        run,
        data=data,
        split=split,
        out=out,
        layout=layout,
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        device=device,
        max_ram=max_ram,
    )
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def explain(
    run: RunArg,
    data: Annotated[str | None, typer.Option("--data", help="Another data set.")] = None,
    case: Annotated[list[str] | None, typer.Option("--case", help="A case's id; may be repeated.")] = None,
    out: OutOption = None,
    layout: LayoutOption = None,
    allow_unreadable: UnreadableOption = False,
    max_pixels: PixelsOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Where the model looks, for hits and mistakes."""
    from sagittal.verbs.explain import explain as verb

    made = verb(
        run,
        data=data,
        cases=case or (),
        out=out,
        layout=layout,
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        device=device,
    )
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def predict(
    run: RunArg,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Files, folders, tables, a manifest, a CSV of paths; T1=FILE T2=FILE for one case."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write.")],
    top: Annotated[int, typer.Option("--top", help="How many classes to list.")] = 3,
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Also a picture of where the model looks.")] = True,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Of drawn answers, also the probability of each class.")] = False,
    allow_unreadable: UnreadableOption = False,
    max_pixels: PixelsOption = None,
    device: DeviceOption = "auto",
    max_ram: RamOption = None,
    mpp: Annotated[float | None, typer.Option("--mpp", help="Micrometres a pixel of slides whose files do not say it.")] = None,
) -> None:
    """Answers for new sources, in their own geometry."""
    from sagittal.verbs.predict import predict as verb

    made = verb(
        run,
        sources,
        out=out,
        top=top,
        overlay=overlay,
        probabilities=probabilities,
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        device=device,
        max_ram=max_ram,
        mpp=mpp,
    )
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def convert(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Folders or archives of DICOM; NIfTI, NRRD, MHA, npy files.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write.")],
    to: Annotated[str, typer.Option("--to", help="nifti, nrrd or mha.")] = "nifti",
    time: Annotated[str, typer.Option("--time", help="apart, or together: time points and diffusion in one 4-D file.")] = "apart",
    scaling: Annotated[str, typer.Option("--scaling", help="precise: Philips by its own scale, as dcm2niix; or standard.")] = "precise",
    allow: AllowOption = None,
    describe: Annotated[bool, typer.Option("--describe", help="Names with series descriptions, which may hold a patient's.")] = False,
    max_pixels: PixelsOption = None,
) -> None:
    """Every volume that is found as a file, with its world kept exactly and a JSON beside it."""
    from sagittal.verbs.convert import convert as verb

    made = verb(sources, out=out, to=to, time=time, allow=allow or (), describe=describe, scaling=scaling, max_pixels=max_pixels)
    _done(made.record(), made.lines())
    made.raise_for_exit()


@app.command()
def report(run: RunArg, out: OutOption = None) -> None:
    """Write report.html of a run again."""
    from sagittal.verbs.report import report as verb

    made = verb(run, out=out)
    _done(made.record(), made.lines())


@app.command()
def package(run: RunArg, out: Annotated[Path, typer.Option("-o", "--out", help="A file ending in .sagittal.")]) -> None:
    """One file with weights, preparation, calibration and fingerprint."""
    from sagittal.verbs.package import package as verb

    made = verb(run, out=out)
    _done(made.record(), made.lines())


@app.command()
def export(
    run: RunArg,
    out: Annotated[Path, typer.Option("-o", "--out", help="A file ending in .onnx.")],
    tolerance: Annotated[float, typer.Option("--tolerance", help="Largest allowed difference of a score.")] = 1e-4,
) -> None:
    """ONNX, with a parity check against our own answers."""
    from sagittal.verbs.export import export as verb

    made = verb(run, out=out, tolerance=tolerance)
    _done(made.record(), made.lines())


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...")],
    split: Annotated[str, typer.Option("--split", help="Name of the evaluation: test, val, or that of other data.")] = "test",
) -> None:
    """Two or more runs on the same cases, paired, with intervals."""
    from sagittal.verbs.compare import compare as verb

    made = verb(runs, split=split)
    _done(made.record(), made.lines())


@app.command()
def show(
    what: Annotated[list[str], typer.Argument(metavar="SOURCE|RUN|FILE.sagittal|model NAME")],
    out: OutOption = None,
    window: Annotated[str | None, typer.Option("--window", help="Of a volume: lung, bone, brain, soft (HU), or LOW,HIGH.")] = None,
    size: Annotated[int, typer.Option("--size", help="For a model: side of the input.")] = 224,
    classes: Annotated[int, typer.Option("--classes", help="For a model.")] = 1000,
    channels: Annotated[int, typer.Option("--channels", help="For a model.")] = 3,
    axes: Annotated[int | None, typer.Option("--axes", help="For a model.")] = None,
    sets: SetOption = None,
) -> None:
    """A picture with its header; a run's summary; a model's layer table."""
    from sagittal.verbs.show import show as verb

    made = verb(what, out=out, window=window, size=size, classes=classes, channels=channels, axes=axes, sets=sets or ())
    _done(made.record(), made.lines())


@app.command("list")
def list_(
    shelf: Annotated[str | None, typer.Argument(metavar="SHELF", help="models, recipes, layouts, settings ...")] = None,
) -> None:
    """What there is: models, recipes, layouts, metrics ..."""
    from sagittal.verbs.list import list_parts as verb

    made = verb(shelf)
    _done(made.record(), made.lines())


@app.command()
def phantom(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="retina, tiles, brain, chest, table, multilabel ...")],
    out: Annotated[Path, typer.Option("-o", "--out", help="A new folder.")],
    sets: SetOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Another number draws other patients.")] = 0,
) -> None:
    """A synthetic data set, free of anybody's data."""
    from sagittal.verbs.phantom import phantom as verb

    made = verb(kind, out=out, sets=sets or (), seed=seed)
    _done(made.record(), made.lines())


@app.command()
def demo(kind: Annotated[str, typer.Argument(help="retina: pictures; brain: volumes")] = "retina", out: OutOption = None) -> None:
    """Synthetic retinas or brains, a run and its report, offline, in about two minutes."""
    from sagittal.verbs.demo import demo as verb

    made = verb(kind, out=out)
    _done(made.record(), made.lines())


@weights_app.command("get")
def weights_get(name: str) -> None:
    """Download published weights and check their hash."""
    from sagittal.verbs.weights import get as verb

    made = verb(name)
    _done(made.record(), made.lines())


@weights_app.command("list")
def weights_list() -> None:
    """Which published weights are known, and which are here."""
    from sagittal.verbs.weights import known as verb

    made = verb()
    _done(made.record(), made.lines())


@weights_app.command("convert")
def weights_convert(source: Path, out: Annotated[Path, typer.Option("-o", "--out", help="A file ending in .safetensors.")]) -> None:
    """A foreign .pt or .pth to safetensors, read in a child process that can do nothing else."""
    from sagittal.verbs.weights import convert as verb

    made = verb(source, out=out)
    _done(made.record(), made.lines())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program; ends the process with the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    head = words[: words.index("--")] if "--" in words else words
    _MODE.json, _MODE.debug, _MODE.said = "--json" in head, "--debug" in head, False
    kept = [w for w in head if w not in {"--json", "--debug"}] + words[len(head) :]
    try:
        command = typer.main.get_command(app)
        # Not app(...): it would turn Ctrl-C into an exit code of its own and swallow it.
        with command.make_context("sagittal", kept) as context:
            command.invoke(context)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except BaseException as error:  # noqa: BLE001 - the last place: every error becomes one line and a code
        sys.exit(_fail(error))
    sys.exit(0)


def _fail(error: BaseException) -> int:
    """Say what went wrong in one line; gives the exit code."""
    if isinstance(error, SystemExit):
        return int(error.code or 0) if isinstance(error.code, int | None) else 1
    if isinstance(error, BrokenPipeError):
        # Whoever read our answer has gone, as `head` does; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    if _asks_for_help(error):
        return 0
    if _MODE.debug:
        traceback.print_exception(error)
    refusal = _as_refusal(error)
    if _MODE.json and not _MODE.said:
        typer.echo(json.dumps(refusal.record(), ensure_ascii=False))
    typer.echo(str(refusal), err=True)
    return refusal.exit_code


def _asks_for_help(error: BaseException) -> bool:
    """Print the help where a command was named without any word after it."""
    if type(error).__name__ != "NoArgsIsHelpError":
        return False
    typer.echo(getattr(error, "ctx").get_help())  # noqa: B009 - typer carries its parser with it under a private name
    return True


def _as_refusal(error: BaseException) -> SagittalError:
    if isinstance(error, SagittalError):
        return error
    if callable(getattr(error, "format_message", None)):
        return _usage(error)
    from sagittal.failures import as_refusal

    return as_refusal(error)


def _usage(error: Any) -> UsageError:
    """The parser's own complaints in our form, with the nearest name."""
    message = one_line(error.format_message()).rstrip(".")
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    remedy = f"see `{context.command_path} --help`" if context is not None else "see --help"
    if type(error).__name__ == "NoSuchOption" and context is not None:
        known = [o for p in context.command.params for o in (*p.opts, *p.secondary_opts)]
        remedy = nearest(error.option_name, [*known, "--json", "--debug", "--help"])
        return UsageError("USAGE", error.option_name, "there is no such option", remedy)
    if message.startswith("No such command") and context is not None:
        name = message.split("'")[1]
        return UsageError("USAGE", name, "there is no such command", nearest(name, context.command.list_commands(context)))
    if param is not None:
        item = next((o for o in param.opts if o.startswith("--")), param.metavar or param.name)
        return UsageError("USAGE", item, message, remedy)
    return UsageError("USAGE", getattr(error, "option_name", "command line"), message, remedy)


if __name__ == "__main__":
    main()
