"""Provenance: environment, seeds, hashes; all that it takes to do it again."""

from __future__ import annotations

import hashlib

from sagittal.report import words
from sagittal.report.page import fill
from sagittal.report.section import Section
from sagittal.report.view import RunView

NAMES = {
    "sagittal": "Sagittal",
    "python": "Python",
    "torch": "PyTorch",
    "platform": "Platform",
    "cpu": "Processor",
    "cores": "Cores",
    "numpy": "NumPy",
    "device": "Device",
    "gpu": "GPU at hand",
    "seed": "Seed",
    "started": "Started",
    "seconds": "Took",
}
FILES = ("recipe.yaml", "plan.json", "manifest.csv", "audit.json", "evaluation/{}/scores.json", "evaluation/{}/predictions.csv")

PAGE = """
{{ parts.facts(facts) }}
{% if hashes %}
<h3 class="block-head">SHA-256</h3>
<div class="scroll"><table><tbody>
{% for name, digest in hashes %}
<tr><th scope="row" class="name">{{ name }}</th><td><code>{{ digest }}</code></td></tr>
{% endfor %}
</tbody></table></div>
{% endif %}
"""


def provenance(view: RunView) -> Section | None:
    """The environment as it was written, and hashes of the run's files as they are now."""
    hashes = _hashes(view)
    if not view.environment and not hashes:
        return None
    known = [(name, _plain(key, view.environment[key])) for key, name in NAMES.items() if view.environment.get(key) is not None]
    rest = [
        (k.replace("_", " "), str(v))
        for k, v in view.environment.items()
        if k not in {*NAMES, "format", "version"} and isinstance(v, str | int | float)
    ]
    if view.result.get("touched") is not None:
        rest.append((f"“{view.evaluation}” was scored", words.count(int(view.result["touched"]), "time")))
    return Section(title="Provenance", order=160, html=fill(PAGE, facts=[*known, *rest], hashes=hashes))


def _plain(key: str, value: object) -> str:
    return words.duration(float(value)) if key == "seconds" and isinstance(value, int | float) else str(value)


def _hashes(view: RunView) -> list[tuple[str, str]]:
    """Data and recipe hashed here; the weights' hash is the one that was written with them."""
    found = []
    for name in FILES:
        path = view.folder / name.format(view.evaluation)
        if path.is_file():
            found.append((name.format(view.evaluation), hashlib.sha256(path.read_bytes()).hexdigest()))
    sums = view.folder / "checkpoints" / "best" / "SHA256SUMS"
    if sums.is_file():
        lines = [line.split() for line in sums.read_text(encoding="utf-8").splitlines()]
        found += [(f"best/{parts[1].lstrip('*')}", parts[0]) for parts in lines if len(parts) == 2 and parts[1].endswith(".safetensors")]
    return found
