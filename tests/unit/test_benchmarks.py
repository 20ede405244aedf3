"""The table of benchmarks: running some of them leaves the rows of the others."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_rows_of_other_paths_stay_where_they_are():
    place = Path(__file__).parents[2] / "benchmarks" / "run.py"
    spec = importlib.util.spec_from_file_location("benchmarks_run", place)
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    before = [{"path": "a", "peer": "x", "ratio": 1}, {"path": "b", "peer": "x", "ratio": 1}, {"path": "a", "peer": "gone", "ratio": 1}]
    now = [{"path": "c", "peer": "x", "ratio": 3}, {"path": "a", "peer": "x", "ratio": 2}]
    assert run.merged(before, now) == [now[1], before[1], now[0]]
