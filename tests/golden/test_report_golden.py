"""What a person reads in each report, line by line, beside what was read when somebody last looked at it.

After a wanted change: ``python tests/golden/test_report_golden.py`` writes the texts anew; read the difference.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import tempfile
from pathlib import Path

import pytest

from sagittal.report.render import html
from sagittal.report.view import RunView

HERE = Path(__file__).parent
NAMES = ("oct", "covid", "many", "age", "brain", "table", "bare")


def text_of(page_text, run: Path) -> str:
    page = page_text.Page(html(RunView(run)))
    lines = [re.sub(r"\b[0-9a-f]{64}\b", "<sha256>", line) for line in page.lines]
    return "\n".join(line.replace(str(run), "RUN") for line in lines) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_report_reads_as_when_it_was_last_looked_at(golden, example_run, name):
    expected = (HERE / f"report_{name}.txt").read_text(encoding="utf-8")
    assert text_of(golden("page_text"), example_run(name)) == expected, "if this is wanted: python tests/golden/test_report_golden.py"


def _load(name: str):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for run_name in NAMES:
            made = _load("example_runs").RUNS[run_name](Path(folder) / run_name)
            (HERE / f"report_{run_name}.txt").write_text(text_of(_load("page_text"), made), encoding="utf-8", newline="\n")
