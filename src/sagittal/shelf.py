"""Shelves: parts found by their file name or entry point, imported only when asked for."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sagittal.errors import UsageError, nearest


class Shelf:
    """The parts in one folder of the package, a file each.

    The part called ``dice`` is the object ``dice`` of the file ``dice.py``. Other packages join by an
    entry point of the group ``sagittal.<folder>``. Listing imports nothing.

    >>> "dice" in Shelf("sagittal.losses", kind="loss").names()
    True
    """

    def __init__(self, package: str, *, kind: str) -> None:
        self.package = package
        self.kind = kind
        self.group = package

    def names(self) -> list[str]:
        """All names, sorted; nothing is imported but the (empty) package itself."""
        return sorted({*self._own(), *self._foreign()})

    def get(self, name: str) -> Any:
        """The part of this name.

        Raises:
            UsageError: There is none; the message offers the nearest name.
        """
        if name in self._own():
            return getattr(importlib.import_module(f"{self.package}.{name}"), name)
        foreign = self._foreign()
        if name in foreign:
            return foreign[name].load()
        raise UsageError(f"UNKNOWN_{self.kind.upper()}", name, f"there is no {self.kind} of this name", nearest(name, self.names()))

    def make(self, name: str, options: Mapping[str, object] | None = None, /, **given: object) -> Any:
        """Call the part with options that came from a user, checked against its signature.

        Args:
            name: Which part.
            options: What the user wrote.
            given: What the engine supplies; a user cannot set these.

        Raises:
            UsageError: An option that the part does not have, or one that is missing.
        """
        part = self.get(name)
        chosen = dict(options or {})
        self.check(name, chosen, reserved=given)
        known = self.options(name)
        missing = [k for k, p in known.items() if p.default is inspect.Parameter.empty and k not in chosen and k not in given]
        if missing:
            raise UsageError("MISSING_OPTION", f"{name}.{missing[0]}", f"the {self.kind} {name} needs this option", f"set {missing[0]}")
        return part(**{k: v for k, v in given.items() if k in known}, **chosen)

    def check(self, name: str, options: Iterable[str], *, reserved: Iterable[str] = ()) -> None:
        """Whether a user may set these options.

        Args:
            name: Which part.
            options: Their names.
            reserved: Options that only the engine sets.

        Raises:
            UsageError: An option that the part does not have, with the nearest one.
        """
        offered = [key for key in self.options(name) if key not in set(reserved)]
        for key in options:
            if key not in offered:
                raise UsageError("UNKNOWN_OPTION", f"{name}.{key}", f"the {self.kind} {name} has no such option", nearest(key, offered))

    def options(self, name: str) -> Mapping[str, inspect.Parameter]:
        """The keyword arguments that the part takes, with their defaults."""
        part: Callable[..., object] = self.get(name)
        return {
            k: p
            for k, p in inspect.signature(part).parameters.items()
            if p.kind in {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        }

    def summary(self, name: str) -> str:
        """The first line of the part's documentation, read from its file without importing it."""
        spec = importlib.util.find_spec(f"{self.package}.{name}")
        if spec is None or spec.origin is None:
            return "from another package"
        head = Path(spec.origin).read_text(encoding="utf-8").lstrip()
        return head.removeprefix('"""').split("\n", 1)[0].removesuffix('"""').strip()

    def _own(self) -> list[str]:
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.submodule_search_locations is None:
            return []
        return [m.name for m in pkgutil.iter_modules(list(spec.submodule_search_locations)) if not m.name.startswith("_")]

    def _foreign(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {e.name: e for e in importlib.metadata.entry_points(group=self.group)}
