"""What phantoms share: files that are not synced one by one, a list of what was planted, draws and shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sagittal.errors import UsageError
from sagittal.io import atomic


def put(path: Path, data: bytes) -> None:
    """Write one of many files; a phantom can be made again, so they are not synced one by one."""
    with atomic.storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def planted(out: Path, kind: str, seed: int, truth: Mapping[str, object]) -> None:
    """Write ``planted.json``: what a reader of the data should find."""
    atomic.write_json(out / "planted.json", {"format": "sagittal-phantom", "version": 1, "kind": kind, "seed": seed, **truth})


def rng_of(seed: int, *keys: int) -> np.random.Generator:
    """A generator for one item, so that items do not depend on each other."""
    return np.random.default_rng([seed, *keys])


def patient_numbers(n: int, rng: np.random.Generator) -> list[str]:
    """So many different patient numbers of five to seven digits, in no order."""
    found: list[str] = []
    while len(found) < n:
        number = str(int(10 ** rng.uniform(4.3, 6.99)))
        if number not in found:
            found.append(number)
    return found


def shares(n: int, parts: Sequence[float]) -> list[int]:
    """Cut n into parts of these shares, each at least one where n allows.

    >>> shares(12, (0.6, 0.2, 0.2))
    [8, 2, 2]
    """
    counts = [max(1, int(n * part)) for part in parts]
    counts[0] += n - sum(counts)
    if counts[0] < 1:
        raise UsageError("TOO_FEW", f"patients={n}", f"they cannot be shared among {len(parts)} splits", f"take at least {len(parts)}")
    return counts
