"""The process that opens a foreign pickle: started by ``engine.convert``, it writes plain tensors and ends.

Run as ``python -m sagittal.engine._foreign SOURCE OUT MEMORY_BYTES``. Only tensors, numbers and containers are unpickled
(``weights_only``), under limits of memory, processor time and file size where the system has them. What it says goes to
standard output as one line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NESTED = ("state_dict", "model_state_dict", "model")
_PREFIX = "module."
_SECONDS = 600


def main(source: Path, out: Path, memory: int) -> dict[str, object]:
    """Convert; what to say about it."""
    _limit(memory)
    # Imported after the limits are set.
    import torch

    from sagittal.engine.tensors import write_tensors

    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything; the reason goes to the parent
        # torch's own words advise to load it without this protection
        return {"error": type(error).__name__, "what": "it does not hold plain weights, or is not whole; code in it is not run"}
    tensors = _tensors(loaded)
    if isinstance(tensors, str):
        return {"error": "content", "what": tensors}
    try:
        write_tensors(out, tensors)
    except (OSError, KeyError, RuntimeError) as error:
        return {"error": type(error).__name__, "what": str(error)[:200]}
    return {"tensors": len(tensors)}


def _tensors(loaded: object) -> dict[str, Tensor] | str:
    import torch

    for key in NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        return f"it holds a {type(loaded).__name__}, not weights by name"
    found: dict[str, Tensor] = {}
    for name, value in loaded.items():
        if not isinstance(value, torch.Tensor):
            continue
        if value.layout != torch.strided or value.is_quantized or value.is_complex():
            return "it holds tensors that are sparse, quantised or complex"
        found[str(name).removeprefix(_PREFIX)] = value
    return found or "it holds no weights by name"


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    for kind, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, _SECONDS), (resource.RLIMIT_FSIZE, memory)):
        _, hard = resource.getrlimit(kind)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, hard))


if __name__ == "__main__":
    said = main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(said) + "\n")
