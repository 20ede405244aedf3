"""The program: the table of its commands, what it prints last, and the exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from sagittal.cli import answers, data, models, training
from sagittal.cli.refusals import as_refusal, help_of

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

_COMMANDS: dict[str, Callable[..., Any]] = {
    "run": training.run,
    "audit": data.audit,
    "train": training.train,
    "sweep": training.sweep,
    "evaluate": answers.evaluate,
    "explain": answers.explain,
    "predict": answers.predict,
    "convert": data.convert,
    "report": answers.report,
    "package": models.package,
    "export": models.export,
    "compare": answers.compare,
    "show": data.show,
    "list": data.list_,
    "phantom": data.phantom,
    "demo": data.demo,
}
_WEIGHTS: dict[str, Callable[..., Any]] = {
    "get": models.weights_get,
    "list": models.weights_list,
    "convert": models.weights_convert,
}


def _fill(group: typer.Typer, table: Mapping[str, Callable[..., Any]]) -> None:
    for name, command in table.items():
        group.command(name)(command)


_fill(app, _COMMANDS)
_fill(weights_app, _WEIGHTS)


@dataclass(slots=True)
class _Mode:
    """What ``--json`` and ``--debug`` said, and whether the one object has been printed."""

    json: bool
    debug: bool
    said: bool = False


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program; ends the process with the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    head = words[: words.index("--")] if "--" in words else words
    mode = _Mode(json="--json" in head, debug="--debug" in head)
    kept = [w for w in head if w not in {"--json", "--debug"}] + words[len(head) :]
    try:
        command = typer.main.get_command(app)
        # Not app(...): it would turn Ctrl-C into an exit code of its own and swallow it.
        with command.make_context("sagittal", kept) as context:
            made = command.invoke(context)
        _tell(made, mode)
        made.raise_for_exit()
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except BaseException as error:  # noqa: BLE001 - the last place: every error becomes one line and a code
        sys.exit(_fail(error, mode))
    sys.exit(0)


def _tell(made: Any, mode: _Mode) -> None:
    """The last word of a verb: one object for programs, lines for people."""
    if mode.json:
        typer.echo(json.dumps({"exit": 0, **made.record()}, ensure_ascii=False, default=str))
        mode.said = True
        return
    for line in made.lines():
        typer.echo(line)


def _fail(error: BaseException, mode: _Mode) -> int:
    """Say what went wrong in one line; gives the exit code."""
    if isinstance(error, SystemExit):
        return int(error.code or 0) if isinstance(error.code, int | None) else 1
    if isinstance(error, BrokenPipeError):
        # Whoever read our answer has gone, as `head` does; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    wanted = help_of(error)
    if wanted is not None:
        typer.echo(wanted)
        return 0
    if mode.debug:
        traceback.print_exception(error)
    refusal = as_refusal(error)
    if mode.json and not mode.said:
        typer.echo(json.dumps(refusal.record(), ensure_ascii=False))
    typer.echo(str(refusal), err=True)
    return refusal.exit_code
