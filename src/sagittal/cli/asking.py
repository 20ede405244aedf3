"""A command is its signature: its options are those of a verb, name by name."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any


def asks(verb: str) -> Callable[[Callable[..., None]], Callable[..., Any]]:
    """A command that calls a verb with all that was said, and gives back its outcome.

    What nobody said is left to the verb's own defaults.

    Args:
        verb: ``module`` or ``module:function`` below ``sagittal.verbs``; imported when the command is given.
    """
    module, _, function = verb.partition(":")

    def declared(command: Callable[..., None]) -> Callable[..., Any]:
        @functools.wraps(command)
        def call(**said: Any) -> Any:
            found = getattr(importlib.import_module(f"sagittal.verbs.{module}"), function or module)
            return found(**{name: value for name, value in said.items() if value is not None})

        return call

    return declared
