"""The whole journey through the public verbs, as every miniature takes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from sagittal.verbs.audit import Audited, audit
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.explain import explain
from sagittal.verbs.predict import predict
from sagittal.verbs.report import report
from sagittal.verbs.train import train


@dataclass(frozen=True, kw_only=True)
class Journey:
    """What a finished journey left behind."""

    run: Path
    audit: Audited
    answers: Path

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the run."""
        return json.loads((self.run / name).read_text(encoding="utf-8"))

    @property
    def plan(self) -> dict[str, Any]:
        return self.read("plan.json")

    @property
    def result(self) -> dict[str, Any]:
        return self.read("evaluation/test/scores.json")

    def score(self, metric: str, label: str = "") -> dict[str, Any]:
        """A score of the held-out cases; of all classes together, or of the only one."""
        return _score(self.result["scores"], metric, label)

    def baseline(self, metric: str, label: str = "") -> float:
        """The best that a trivial baseline reaches."""
        found = [_score(b["scores"], metric, label) for b in self.result["baselines"]]
        values = [s["value"] for s in found if s["value"] is not None]
        return max(values) if found[0]["higher_is_better"] else min(values)

    @property
    def predictions(self) -> list[dict[str, Any]]:
        return json.loads((self.answers / "predictions.json").read_text(encoding="utf-8"))["predictions"]

    @property
    def explained(self) -> list[dict[str, Any]]:
        return self.read("explanation/test/index.json")["items"]


def _score(scores: Sequence[Mapping[str, Any]], metric: str, label: str) -> Any:
    found = [s for s in scores if s["metric"] == metric]
    exact = [s for s in found if s["class"] == label]
    assert exact or len(found) == 1, f"{metric} of {label!r} among {[(s['metric'], s['class']) for s in scores]}"
    return (exact or found)[0]


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Journey]:
    """Takes a data set from audit to prediction; gives what is left behind."""

    def go(data: Path, sets: Sequence[str], sources: Sequence[Path]) -> Journey:
        torch.set_num_threads(1)
        folder = tmp_path_factory.mktemp("journey")
        seen = audit(data, out=folder / "audit", workers=1)
        seen.raise_for_exit()
        run = train(data, out=folder / "run", sets=sets).path
        assert run is not None
        evaluate(run)
        explain(run)
        page = report(run).path
        assert page is not None
        text = page.read_text(encoding="utf-8")
        assert len(text) > 20_000
        assert "Not a medical device" in text
        predict(run, sources, out=folder / "answers")
        return Journey(run=run, audit=seen, answers=folder / "answers")

    return go
