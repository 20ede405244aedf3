"""The whole journey, stopped on its way: what is said is what goes on."""

from __future__ import annotations

import pytest

from sagittal.errors import Interrupted
from sagittal.verbs.evaluate import evaluate
from sagittal.verbs.explain import explain
from sagittal.verbs.report import report
from sagittal.verbs.run import run

STAGES = {"sagittal.verbs.evaluate.evaluate": 0, "sagittal.verbs._explained.write_explanations": 1, "sagittal.verbs.report.report": 2}


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_after_the_training_names_the_commands_that_go_on(stage, rows, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    with monkeypatch.context() as patched, pytest.raises(Interrupted) as caught:
        patched.setattr(stage, stop)
        run(rows, out=folder, sets=["train.epochs=2", "model.members=2", "train.rounds=10"])
    left = list(zip(("evaluate", "explain", "report"), (evaluate, explain, report), strict=True))[STAGES[stage] :]
    assert caught.value.exit_code == 130
    assert caught.value.remedy == "go on with " + ", then ".join(f"sagittal {name} {folder}" for name, _ in left)
    for _, verb in left:
        verb(folder)
    assert (folder / "report.html").is_file()
