"""Export: a finished run as ONNX, proved to give our own answers."""

from __future__ import annotations

from pathlib import Path

from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.verbs._numbers import check_numbers
from sagittal.verbs._open import predictor_at, run_at
from sagittal.verbs._outcome import Outcome


def export(run: str | Path, *, out: str | Path, tolerance: float = 1e-4) -> Outcome:
    """Write the network with its activation and calibration as ONNX, after a parity check.

    The file's input is what our preparation gives; its metadata say how that is made, and what the scores mean.

    Args:
        run: A run directory or a package.
        out: A file ending in ``.onnx``.
        tolerance: The largest difference of a score that is allowed.

    Returns:
        An outcome whose ``path`` is the file; its facts hold the largest difference and on what it was measured.

    Raises:
        UsageError: The libraries are not installed, a tolerance that is none, or another ending.
        NumericFailure: The answers differ by more than the tolerance; nothing is written.
        StorageFailure: The file cannot be written.
    """
    check_numbers(tolerance=tolerance)
    out = Path(out)
    if out.suffix.lower() != ".onnx":
        raise UsageError("EXPORT_NAME", out.name, "only ONNX is written", f"name it {out.stem}.onnx")
    from sagittal.engine.onnx import check_installed, write_onnx

    check_installed()
    atomic.check_place(out)
    path = Path(run)
    predictor = predictor_at(path, device="cpu")
    own = run_at(path)
    parity = write_onnx(predictor, own, out, tolerance=tolerance)
    return Outcome(
        path=out,
        facts={"max_difference": parity.difference, "tolerance": tolerance, "samples": parity.samples, "real": parity.real},
        text=[f"the network is in {out}", parity.sentence],
    )
