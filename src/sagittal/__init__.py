"""One deep-learning system for medical images: it automates the honesty. Not a medical device.

The nouns (``Geometry``, ``Image``, ``Labels`` ...), ``read`` and ``write``, and the verbs of the command line
(``audit``, ``train``, ``evaluate`` ...), which take the same options. Each is imported when it is asked for:

>>> import sagittal
>>> sagittal.Geometry.picture((4, 6)).shape
(4, 6)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sagittal.core import (
        Annotation,
        Boxes,
        Case,
        ClassLabel,
        Explanation,
        Geometry,
        Image,
        LabelMap,
        Labels,
        Polygons,
        Prediction,
        Score,
        Value,
        Window,
    )
    from sagittal.data.manifest import Manifest
    from sagittal.engine.plan import Plan
    from sagittal.engine.run import Run
    from sagittal.io import read, read_annotation, read_table, write
    from sagittal.verbs.audit import audit
    from sagittal.verbs.compare import compare
    from sagittal.verbs.convert import convert
    from sagittal.verbs.demo import demo
    from sagittal.verbs.evaluate import evaluate
    from sagittal.verbs.explain import explain
    from sagittal.verbs.export import export
    from sagittal.verbs.package import package
    from sagittal.verbs.phantom import phantom
    from sagittal.verbs.predict import predict
    from sagittal.verbs.run import run
    from sagittal.verbs.show import show
    from sagittal.verbs.sweep import sweep
    from sagittal.verbs.train import train

_NOUNS = (
    *("Annotation", "Boxes", "Case", "ClassLabel", "Explanation", "Geometry", "Image", "LabelMap", "Labels"),
    *("Polygons", "Prediction", "Score", "Value", "Window"),
)
_VERBS = (
    "audit",
    "compare",
    "convert",
    "demo",
    "evaluate",
    "explain",
    "export",
    "package",
    "phantom",
    "predict",
    "run",
    "show",
    "sweep",
    "train",
)
_HOMES = {
    **dict.fromkeys(_NOUNS, "sagittal.core"),
    **dict.fromkeys(("read", "read_annotation", "read_table", "write"), "sagittal.io"),
    **{name: f"sagittal.verbs.{name}" for name in _VERBS},
    "Manifest": "sagittal.data.manifest",
    "Plan": "sagittal.engine.plan",
    "Run": "sagittal.engine.run",
}

__all__ = [
    "Annotation",
    "Boxes",
    "Case",
    "ClassLabel",
    "Explanation",
    "Geometry",
    "Image",
    "LabelMap",
    "Labels",
    "Manifest",
    "Plan",
    "Polygons",
    "Prediction",
    "Run",
    "Score",
    "Value",
    "Window",
    "__version__",
    "audit",
    "compare",
    "convert",
    "demo",
    "evaluate",
    "explain",
    "export",
    "package",
    "phantom",
    "predict",
    "read",
    "read_annotation",
    "read_table",
    "run",
    "show",
    "sweep",
    "train",
    "write",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'sagittal' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
