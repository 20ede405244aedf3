"""List: what there is on the shelves."""

from __future__ import annotations

from sagittal.errors import UsageError, nearest
from sagittal.shelf import Shelf
from sagittal.verbs._outcome import Outcome

SHELVES = {
    "models": "sagittal.models",
    "layouts": "sagittal.data.layouts",
    "readers": "sagittal.io.readers",
    "writers": "sagittal.io.writers",
    "windows": "sagittal.windows",
    "transforms": "sagittal.transforms",
    "losses": "sagittal.losses",
    "metrics": "sagittal.metrics",
    "explainers": "sagittal.explainers",
    "tasks": "sagittal.tasks",
    "phantoms": "sagittal.phantoms",
}


def list_parts(shelf: str | None = None) -> Outcome:
    """The parts of a shelf with a line each; without a name, the shelves.

    Args:
        shelf: ``models``, ``recipes``, ``settings`` ...

    Raises:
        UsageError: There is no such shelf.
    """
    if shelf is None:
        rows = [(name, ", ".join(Shelf(package, kind=name).names())) for name, package in SHELVES.items()]
        rows += [("recipes", ", ".join(name for name, _ in _recipes())), ("settings", "every key of a recipe")]
    elif shelf == "recipes":
        rows = _recipes()
    elif shelf == "settings":
        from sagittal.engine.config import settings

        rows = [(key, f"{default}  {why.replace('``', '')}".rstrip()) for key, default, why in settings()]
    elif shelf in SHELVES:
        parts = Shelf(SHELVES[shelf], kind=shelf)
        rows = [(name, parts.summary(name)) for name in parts.names()]
    else:
        raise UsageError("UNKNOWN_SHELF", shelf, "there is no shelf of this name", nearest(shelf, [*SHELVES, "recipes", "settings"]))
    width = max((len(name) for name, _ in rows), default=0)
    return Outcome(facts={"parts": dict(rows)}, text=[f"{name:<{width}}  {what}" for name, what in rows])


def _recipes() -> list[tuple[str, str]]:
    from pathlib import Path

    folder = Path(__file__).parents[1] / "recipes"
    return [(p.stem, p.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")) for p in sorted(folder.glob("*.yaml"))]
