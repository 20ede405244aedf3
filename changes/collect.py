"""Move the fragments of this folder into CHANGELOG.md, under a new version."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
LOG = HERE.parent / "CHANGELOG.md"


def collect(version: str, *, day: str) -> str:
    """The new text of the log; the fragments stay where they are.

    Args:
        version: Of the release.
        day: Its date.
    """
    texts = [p.read_text(encoding="utf-8").strip() for p in fragments()]
    head, _, rest = LOG.read_text(encoding="utf-8").partition("\n## ")
    made = f"## {version} ({day})\n\n" + "\n\n".join(texts)
    return f"{head.rstrip()}\n\n{made}\n" + (f"\n## {rest}" if rest else "")


def fragments() -> list[Path]:
    """The files of changes, in the order of their names."""
    return sorted(p for p in HERE.glob("*.md") if p.name != "README.md")


def main() -> None:
    """``collect.py VERSION``."""
    if len(sys.argv) != 2:
        sys.exit("usage: python changes/collect.py VERSION")
    LOG.write_text(collect(sys.argv[1], day=f"{datetime.now(tz=UTC):%Y-%m-%d}"), encoding="utf-8")
    for path in fragments():
        path.unlink()


if __name__ == "__main__":
    main()
