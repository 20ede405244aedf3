"""Checks of what meets files: readers, layouts, phantoms."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sagittal.core import Image, Window
from sagittal.errors import UnreadableInput, UsageError

if TYPE_CHECKING:
    from sagittal.data.layouts._found import Found
    from sagittal.io._reader import Reader

from sagittal.testing._promise import must, refused


def check_reader(reader: Reader) -> None:
    """A reader names its formats, knows them by content, and refuses what is not theirs by the file's name.

    Raises:
        AssertionError: A promise is broken.
    """
    from sagittal.io._reader import Reader as Kind
    from sagittal.io.guard import Limits

    must(isinstance(reader, Kind), "it is a Reader")
    must(reader.formats, "it names its formats")
    for form in reader.formats:
        must(form.name and all(s.startswith(".") and s == s.lower() for s in form.suffixes), "suffixes are lower case, with the dot")
    noise = np.random.default_rng(0).bytes(4096)
    for head in (b"", b"\0", bytes(4096), b"\xff" * 4096, noise):
        must(reader.sniff(head) is False and reader.identify(head) is None, "what is not of its formats is not taken for one")
    with tempfile.TemporaryDirectory() as folder:
        for form in reader.formats:
            path = Path(folder) / f"broken{form.suffixes[0] if form.suffixes else '.bin'}"
            path.write_bytes(np.random.default_rng(1).bytes(500))
            try:
                reader.read(path, "", Limits.default()).read()
            except UnreadableInput as error:
                must("broken" in str(error), "a refusal names the file")
            else:
                raise AssertionError(f"noise was read as {form.name}")


def check_image(image: Image) -> None:
    """Values lie on the grid, windows are parts of the whole, and the meta says what was found.

    Raises:
        AssertionError: A promise is broken.
    """
    whole, shape = image.read(), image.geometry.shape
    must(whole.shape == (len(image.channels), *shape), "values are (C, *shape)")
    must(whole.dtype.isnative, "values are in this machine's byte order")
    must({"format", "bits", "mode"} <= set(image.meta), "the meta says format, bits and mode")
    start = tuple(min(1, n - 1) for n in shape)
    window = Window(start, tuple(min(max(1, n // 2), n - a) for a, n in zip(start, shape, strict=True)))
    must(np.array_equal(image.read(window), whole[(slice(None), *window.slices)]), "a window is a part of the whole")
    coarse = image.coarser(4)
    must(coarse.read().shape == (len(image.channels), *coarse.geometry.shape), "a coarser image has a grid of its own")


def check_layout(layout: Callable[..., Found | None], example: Path) -> None:
    """A layout knows its own, says nothing of what is not, and gives a manifest that fits together.

    Args:
        layout: The part.
        example: A data set that lies as it says.

    Raises:
        AssertionError: A promise is broken.
    """
    parameters = list(inspect.signature(layout).parameters.values())
    must(all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters[1:]), "options are keywords with defaults")
    with tempfile.TemporaryDirectory() as folder:
        must(layout(Path(folder)) is None, "an empty folder is not its own")
        must(layout(Path(folder) / "missing") is None, "what is not there is not its own")
    before = sorted((p, p.stat().st_mtime_ns) for p in example.rglob("*"))
    found = layout(example)
    if found is None:
        raise AssertionError("it does not know its own example")
    must(sorted((p, p.stat().st_mtime_ns) for p in example.rglob("*")) == before, "a layout only looks")
    must(len(found.sentence.split()) >= 3, "it says in a sentence how the data lie")
    manifest = found.manifest.check()
    again = layout(example)
    must(again is not None and again.manifest.digest == manifest.digest, "the same data give the same manifest")
    must(all("\\" not in locator for c in manifest.cases for locator in c.images.values()), "locators have forward slashes")


def check_phantom(phantom: Callable[..., Path], *, kind: str, **small: object) -> None:
    """A phantom writes the same bytes for the same seed into an empty folder, and what it planted.

    Args:
        phantom: The part.
        kind: Its name on the shelf.
        small: Options that make it quick.

    Raises:
        AssertionError: A promise is broken.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = phantom(root / "a", **small)
        must(made == root / "a", "it gives the folder back")
        told = json.loads((made / "planted.json").read_text(encoding="utf-8"))
        must(told["kind"] == kind and told["seed"] == 0, "planted.json names the kind and the seed")
        must(_files(made) == _files(phantom(root / "b", **small)), "the same seed gives the same bytes")
        must(_files(made) != _files(phantom(root / "c", **small, seed=1)), "another seed gives others")
        with refused("a folder that is not empty is refused", UsageError):
            phantom(made, **small)


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
