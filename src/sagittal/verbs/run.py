"""Run: the whole journey, from data to a report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sagittal.engine.run import Run
from sagittal.errors import Interrupted
from sagittal.verbs._asked import Request
from sagittal.verbs._open import say, scored_split
from sagittal.verbs._outcome import Outcome


def run(
    data: str | Path,
    *,
    out: str | Path | None = None,
    recipe: str | Path | None = None,
    sets: Sequence[str] | Mapping[str, Any] = (),
    layout: str | None = None,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    max_ram: float | None = None,
) -> Outcome:
    """Audit, train, evaluate, explain and report.

    Args:
        data: A folder, a table, a manifest or an array file.
        out: The run directory.
        recipe: A recipe's name or file; ``auto`` decides from the data.
        sets: Settings over the recipe.
        layout: How the data lie, where looking does not tell.
        allow: Codes of findings that do not stop the run.
        allow_unreadable: Skip unreadable files.
        max_pixels: The largest picture that is decoded.
        seed: Of everything random in training (the setting ``seed``).
        device: ``auto``, ``cpu``, ``cuda`` ...
        max_ram: GiB for a step of the training and for the windows of drawn answers (``train.max_ram`` and ``evaluate.max_ram``).

    Returns:
        An outcome whose ``path`` is the run directory.

    Raises:
        Refused: The data are not safe to use; the message says why and what to do.
        UsageError: The splits keep no case back that could be scored.
    """
    from sagittal.engine.learn import device_of
    from sagittal.engine.ranks import joined
    from sagittal.verbs.train import trained

    asked = Request(
        data=data,
        out=out,
        recipe=recipe,
        sets=sets,
        layout=layout,
        allow=allow,
        allow_unreadable=allow_unreadable,
        max_pixels=max_pixels,
        seed=seed,
        max_ram=max_ram,
        device=device,
        scored=True,
    )
    with joined(device_of(device)) as ranks:
        learned = trained(asked)
        # Several processes train; one of them looks at what came of it, and the others wait, so that all end as it does.
        outcome = _told(learned, device) if ranks.first else learned
        ranks.wait()
    return outcome


def _told(learned: Outcome, device: str) -> Outcome:
    """Evaluate, explain and report what was trained."""
    from sagittal.verbs._explained import write_explanations
    from sagittal.verbs.evaluate import evaluate
    from sagittal.verbs.explain import explain
    from sagittal.verbs.report import report

    path = learned.path
    if path is None:
        raise ValueError("training gave no run")
    made = Run.open(path)
    # of folds every case is tested, whatever split it stands in
    split = "test" if made.recipe().split.folds is not None else scored_split(made.manifest())
    say(f"evaluating the {split} split")
    with _left(path, "evaluate", "explain", "report"):
        scored = evaluate(path, split=split, device=device)
    say("explaining hits and mistakes")
    with _left(path, "explain", "report"):
        if scored.predictor is not None and scored.manifest is not None and scored.assessment is not None:
            # The answers are there already.
            most = scored.predictor.plan.explain_cases
            write_explanations(scored.predictor, scored.manifest, scored.assessment, folder=made.explanation(split), most=most)
        else:
            explain(path, device=device)
    with _left(path, "report"):
        page = report(path)
    facts = {**learned.facts, **scored.facts, "report": str(page.path)}
    return Outcome(path=path, facts=facts, text=[*scored.text, *page.text], failed=learned.failed, list_file=learned.list_file)


@contextlib.contextmanager
def _left(path: Path, *verbs: str) -> Iterator[None]:
    """Whoever is stopped here hears with what to go on: the run stands, and the same command again would refuse its folder.

    Raises:
        Interrupted: Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        remedy = "go on with " + ", then ".join(f"sagittal {verb} {path}" for verb in verbs)
        raise Interrupted("INTERRUPTED", path, "stopped by the user; the trained model is kept", remedy) from None
