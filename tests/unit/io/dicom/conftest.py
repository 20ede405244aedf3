"""Gives the tests of this folder (which is no package) the objects that they share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def objects():
    return _loaded("objects")


@pytest.fixture(scope="session")
def vendors(objects):
    return _loaded("vendors")


def _loaded(word):
    name = f"dicom_{word}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"_{word}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
