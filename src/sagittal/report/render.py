"""From a run directory to one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from sagittal.errors import UsageError
from sagittal.io.atomic import write_text
from sagittal.report import page, words
from sagittal.report.section import Section
from sagittal.report.view import RunView
from sagittal.shelf import Shelf

SECTIONS = Shelf("sagittal.report.sections", kind="section")


def render(run: Path, out: Path | None = None) -> Path:
    """Write the report of a run.

    The same files give the same bytes: nothing in it depends on when or where it was made.

    Args:
        run: The run directory.
        out: The file to write; ``report.html`` in the run directory if None.

    Returns:
        The file that was written.

    Raises:
        UsageError: The folder is no run.
        UnreadableInput: A file of the run is broken.
        StorageFailure: The report cannot be written.
    """
    run = Path(run)
    if not (run / "recipe.yaml").is_file() and not (run / "evaluation").is_dir():
        raise UsageError(
            "NO_RUN", run, "this folder is no run: it has neither recipe.yaml nor evaluation/", "name the folder given to train -o"
        )
    target = out if out is not None else run / "report.html"
    write_text(target, html(RunView(run)))
    return target


def html(view: RunView) -> str:
    """The page of a run."""
    return page.whole(
        sections(view),
        title=title(view),
        subtitle=subtitle(view),
        footer=("Not a medical device. Made by Sagittal from the files of the run; nothing in this page is fetched from elsewhere.",),
    )


def sections(view: RunView) -> list[Section]:
    """What each section of the shelf has to say, in order."""
    made = (SECTIONS.get(name)(view) for name in SECTIONS.names())
    return sorted((s for s in made if s is not None), key=lambda s: (s.order, s.title))


def title(view: RunView) -> str:
    """What the run is called: as it was named, else after the data's folder, else after its own."""
    named = view.recipe.get("title") or view.environment.get("name") or view.plan.get("name")
    return str(named) if named else view.folder.resolve().name


def subtitle(view: RunView) -> str:
    """Task, classes, network, date: what a reader wants before the verdict."""
    task = view.plan.get("task") or view.recipe.get("task") or view.result.get("task")
    model = view.plan.get("model") or view.recipe.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    parts = [
        str(task).capitalize() if task else "",
        _classes(view),
        str(name) if name else "",
        str(view.environment.get("started", ""))[:10],
    ]
    return " · ".join(part for part in parts if part)


def _classes(view: RunView) -> str:
    names = list(view.labels.classes)
    return words.listed(names) if 0 < len(names) <= 7 else words.count(len(names), "class", "classes") if names else ""
