"""Runs every benchmark, prints the table and writes ``benchmarks/latest.json``; of named ones only their rows there are replaced.

Peers that are not installed are left out; ``make bench`` installs them in an environment of their own.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import pkgutil
import sys
from pathlib import Path

PEERS = ("albumentations", "MONAI", "TorchIO", "batchgeneratorsv2")
"""Optional ones; Pillow and OpenCV are always there."""

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which files of benchmarks/; all of them when none is named")
    parser.add_argument("--turns", type=int, default=7, help="how often everyone takes each input")
    parser.add_argument("--folder", type=Path, help="JPEG files to use instead of drawn ones")
    asked = parser.parse_args()

    from benchmarks.measure import Row, table

    known = [m.name for m in pkgutil.iter_modules([str(HERE)]) if m.name not in {"measure", "run", "whole_slide"}]
    found: list[Row] = []
    for name in asked.names or known:
        found += importlib.import_module(f"benchmarks.{name}").rows(turns=asked.turns, folder=asked.folder)
    print(table(found))
    for name in PEERS:
        if importlib.util.find_spec(name.lower()) is None:
            print(f"{'':34} {name:28} not installed")
    latest = HERE / "latest.json"
    before = json.loads(latest.read_text(encoding="utf-8")) if latest.exists() and asked.names else []
    latest.write_text(json.dumps(merged(before, [row.record() for row in found]), indent=1) + "\n", encoding="utf-8")


def merged(before: list[dict[str, object]], now: list[dict[str, object]]) -> list[dict[str, object]]:
    """The rows of now in the places of those of the same path, those of other paths as they were, and new paths at the end."""
    paths = list(dict.fromkeys(str(row["path"]) for row in (*before, *now)))
    new = {row["path"] for row in now}
    return [row for path in paths for row in (now if path in new else before) if row["path"] == path]


if __name__ == "__main__":
    main()
