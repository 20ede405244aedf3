"""A manifest as ``manifest.csv`` and ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from sagittal.data.manifest.words import CSV, FORMAT, RECORD, VERSION
from sagittal.io.writers.csv import as_text

if TYPE_CHECKING:
    from sagittal.data.manifest.table import Manifest


def write(manifest: Manifest, folder: Path) -> Path:
    """Write both files into a folder; gives the path of the CSV.

    Raises:
        StorageFailure: The folder cannot be written.
    """
    from sagittal.io import atomic

    folder.mkdir(parents=True, exist_ok=True)
    text = table(manifest)
    atomic.write_text(folder / CSV, text)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "labels": manifest.labels.record(),
        "said": manifest.said,
        "root": manifest.root.resolve().as_posix(),
        "provenance": dict(manifest.provenance),
        "cases": len(manifest.cases),
        "digest": manifest.digest,
        "sha256": {CSV: hashlib.sha256(text.encode()).hexdigest()},
    }
    atomic.write_json(folder / RECORD, record)
    return folder / CSV


def digest(manifest: Manifest) -> str:
    """SHA-256 of the cases and labels; the same wherever the data lie."""
    told = json.dumps([manifest.labels.record(), manifest.said, list(manifest.features)], sort_keys=True)
    return hashlib.sha256((told + "\n" + table(manifest)).encode()).hexdigest()


def table(manifest: Manifest) -> str:
    """The text of ``manifest.csv``: with the names of files as they are, since the user's own programs read it too."""
    cases, channels = manifest.cases, manifest.channels
    meta = sorted({k for c in cases for k in c.meta})
    names = [k if k == "image" else f"image:{k}" for k in channels]
    drawn = any(c.annotation for c in cases)
    worded = any(c.label for c in cases) or not drawn
    told = [*(["annotation"] if drawn else []), *(["label"] if worded else [])]
    rows = [["case", "group", "split", *names, *told, *meta]]
    for c in cases:
        said = [getattr(c, name) for name in told]
        rows.append([c.id, c.group, c.split, *(c.images.get(k, "") for k in channels), *said, *(c.meta.get(k, "") for k in meta)])
    return as_text(rows, exact=True)
