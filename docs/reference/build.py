"""Write the reference from the code: a page a shelf, the command line, the settings, the recipes, the errors."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from sagittal import cli, errors
from sagittal.engine.config import recipe_folder, recipe_names, settings
from sagittal.engine.settings import TrainSettings
from sagittal.shelf import Shelf
from sagittal.verbs.list import SHELVES

MADE = "<!-- Made by `make docs` from the code. Do not edit. -->\n\n"


def pages() -> Iterator[tuple[str, str]]:
    """``(file name, text)`` of every page."""
    for name, package in SHELVES.items():
        yield f"{name}.md", shelf_page(name, package)
    yield "cli.md", command_line()
    yield "settings.md", settings_page()
    yield "recipes.md", recipes_page()
    yield "errors.md", errors_page()


def shelf_page(name: str, package: str) -> str:
    """Every part of a shelf with its options and documentation."""
    shelf = Shelf(package, kind=name)
    lines = [f"# {name.capitalize()}", "", f"The parts in `{package.replace('.', '/')}/`, a file each. `sagittal list {name}` lists them."]
    for part in shelf.names():
        lines += ["", f"## {part}", "", shelf.summary(part), *_about(shelf.get(part))]
    return "\n".join(lines) + "\n"


def _about(part: Any) -> list[str]:
    """Signature and documentation of a function; the plain fields of anything else."""
    if inspect.isfunction(part):
        text = inspect.cleandoc(part.__doc__ or "")
        options = ", ".join(_option(p) for p in inspect.signature(part).parameters.values() if p.kind is p.KEYWORD_ONLY)
        return [*(["", f"Options: {options}"] if options else []), "", "```text", text, "```"]
    slots = getattr(type(part), "__dataclass_fields__", {})
    plain = {k: getattr(part, k) for k in slots if isinstance(getattr(part, k), str | bool | tuple)}
    shown = [f"- {k}: {_plain(v)}" for k, v in plain.items() if k != "name" and _plain(v)]
    return ["", *shown] if shown else []


def _option(option: inspect.Parameter) -> str:
    empty = option.default is inspect.Parameter.empty
    return f"`{option.name}`" if empty else f"`{option.name}={option.default!r}`"


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(filter(None, (_plain(v) for v in value)))
    if isinstance(value, str | bool | int | float):
        return str(value)
    return str(getattr(value, "name", ""))


def command_line() -> str:
    """The help of every command."""
    top = typer.main.get_command(cli.app)
    lines = ["# Command line", "", "Everywhere: `--json` prints one object on stdout; `--debug` shows the traceback of an error."]
    for words, command in _commands(top):
        with command.make_context(" ".join(words), [], resilient_parsing=True) as context:
            lines += ["", f"## {' '.join(words)}", "", "```text", _unwrapped(command.get_help(context)), "```"]
    return "\n".join(lines) + "\n"


def _commands(group: Any, before: tuple[str, ...] = ("sagittal",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*before, name))
        else:
            yield (*before, name), command


def _unwrapped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def settings_page() -> str:
    """Every key of a recipe."""
    lines = [
        "# Settings",
        "",
        "Set with `--set key=value`, or in a recipe file. `None` means: decided from the data; `plan.json` says what and why.",
        "",
    ]
    rows = (f"| `{key}` | `{default}` | {meaning.replace('|', '/')} |" for key, default, meaning in settings())
    lines += ["| key | default | meaning |", "|---|---|---|", *rows]
    lines += ["", "`data`, `windows`, `model`, `loss` and `explain` also take the options of the part that they name.", ""]
    lines += [
        "`augment` takes the parts of the shelf [transforms](transforms.md), each with its options, or `none`. `--set augment.NAME=...`",
        "changes one part of what is chosen for the data, or of what the recipe lists; `--set 'augment={NAME: ...}'` replaces it all.",
        "",
    ]
    lines += ["## train", "", "```text", inspect.cleandoc(TrainSettings.__doc__ or ""), "```"]
    fields = TrainSettings.__dataclass_fields__
    nested = [
        f.default_factory
        for f in fields.values()
        if inspect.isclass(f.default_factory) and f.default_factory.__module__ == TrainSettings.__module__
    ]
    for kind in nested:
        lines += ["", f"### {kind.__name__}", "", "```text", inspect.cleandoc(kind.__doc__ or ""), "```"]
    return "\n".join(lines) + "\n"


def recipes_page() -> str:
    """The recipes as they are."""
    lines = ["# Recipes", "", "Start from one with `--recipe NAME`; a file of your own works too: `--recipe mine.yaml`."]
    for name in recipe_names():
        text = (recipe_folder() / f"{name}.yaml").read_text(encoding="utf-8").strip()
        lines += ["", f"## {name}", "", "```yaml", text, "```"]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """The exit codes, and how an error is told."""
    kinds = [
        k for k in vars(errors).values() if inspect.isclass(k) and issubclass(k, errors.SagittalError) and k is not errors.SagittalError
    ]
    lines = [
        "# Errors and exit codes",
        "",
        "An error is one line on stderr: `CODE item: what; what to do`. With `--json` it is also an object on stdout.",
    ]
    lines += [
        "No traceback is shown without `--debug`.",
        "",
        "| exit | error | when |",
        "|---|---|---|",
        "| 0 | | done |",
        "| 1 | | a fault of the program: please report it |",
    ]
    lines += [
        f"| {k.exit_code} | `{k.__name__}` | {(k.__doc__ or '').strip().splitlines()[0]} |"
        for k in sorted(kinds, key=lambda k: k.exit_code)
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write all pages beside this file, or into the folder that is named."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "folder", nargs="?", type=Path, default=Path(__file__).parent, help="where the pages go (default: beside this file)"
    )
    folder = arguments.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / name).write_text(MADE + text, encoding="utf-8")


if __name__ == "__main__":
    main()
