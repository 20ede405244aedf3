"""One training of a sweep, in a process of its own: what kills it, kills nothing else."""

from __future__ import annotations

import _thread
import os
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from sagittal.engine.run import Run
from sagittal.errors import NumericFailure, Refused, SagittalError, UnsafeConfiguration, UsageError
from sagittal.failures import as_refusal
from sagittal.verbs._sweep import RESULT, Sweep

BUSY = 75
"""The exit code of a process that found the training in other hands."""

STOPPED = 130

FINAL = (UsageError, Refused, UnsafeConfiguration, NumericFailure)
"""Ends that would come again; all others (memory, disk, a file that cannot be read) may not."""

_WAIT_S = 5.0


def main(folder: str, name: str, device: str) -> int:
    """Train, or go on with, one training of a sweep; its result is in its folder when this returns.

    Standard input is the line to the sweep: when it closes, because the sweep asks to stop or is no more, the state is
    saved and the process ends.
    """
    sweep = Sweep.at(Path(folder))
    run = sweep.run(name)
    try:
        with sweep.held(name, wait_s=_WAIT_S) as mine:
            if not mine:
                return BUSY
            if (sweep.result(name) or {}).get("state") in {"done", "failed"}:
                return 0
            threading.Thread(target=_listen, daemon=True).start()
            run.write(RESULT, _trained(sweep, run, device))
            # what it would go on from is not wanted any more
            for left in (run.checkpoints / "last", run.path / "prepared"):
                shutil.rmtree(left, ignore_errors=True)
    except KeyboardInterrupt:
        return STOPPED
    except SagittalError as error:
        if error.exit_code == STOPPED:
            return STOPPED
        _note(run, error)
    except Exception as error:  # noqa: BLE001 - the last place of this process: every error becomes the result
        traceback.print_exc()
        _note(run, as_refusal(error))
    return 0


def _trained(sweep: Sweep, run: Run, device: str) -> dict[str, Any]:
    import torch

    from sagittal.engine.learn import device_of
    from sagittal.engine.stopping import watched
    from sagittal.verbs.train import teach

    torch.set_num_threads(sweep.threads)
    began = time.monotonic()
    teach(run, run.recipe(), run.manifest(), device=device_of(device), resume=True)
    best = run.read("training.json")["best"]
    value = watched(best["row"], sweep.score)
    if value is None:
        what = f"val_{sweep.score} is undefined in the epoch whose weights were kept"
        raise NumericFailure("UNDEFINED", sweep.score, what, "choose another --score")
    return {**_HEAD, "state": "done", "value": value, "epoch": best["epoch"], "seconds": round(time.monotonic() - began, 1)}


_HEAD = {"format": "sagittal-trial", "version": 1}


def _note(run: Run, error: SagittalError) -> None:
    """Keep why there is no value."""
    sys.stderr.write(f"{error}\n")
    failed(run, error)


def failed(run: Run, error: SagittalError) -> None:
    """Write into a run's folder why it has no value: for good, or until the sweep is given again."""
    state = "failed" if isinstance(error, FINAL) else "died"
    run.write(RESULT, {**_HEAD, "state": state, "reason": f"{error.code}: {error.what}", "exit": error.exit_code})


def _listen() -> None:
    """Interrupt the training, once, when standard input closes."""
    # not sys.stdin: a thread that waits in it would hold its lock when the interpreter ends
    while os.read(0, 1):
        pass
    _thread.interrupt_main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
