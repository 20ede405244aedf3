"""Finding the file that a cell of a table or a line of a list means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from sagittal.data.layouts._files import stem_of, suffix_of
from sagittal.data.manifest import relative

_SUFFIX = re.compile(r"[.\w]*")


class FileIndex:
    """Files by any tail of their path, with and without suffix; what is not unique is not found.

    A barcode finds the only file that begins with it and a point, as slides of TCGA are called.

    >>> index = FileIndex([Path("/d/CNV/a.png"), Path("/d/DME/a.png")], Path("/d"))
    >>> index.find("CNV/a.png"), index.find("a.png"), index.find("/home/x/DME/a"), index.find("DME/a.png 3")
    ('CNV/a.png', '', 'DME/a.png', '')
    """

    def __init__(self, files: Iterable[Path], root: Path) -> None:
        self._by_tail: dict[str, str] = {}
        self.locators = [relative(p, root) for p in files]
        for locator in self.locators:
            for tail in _tails(locator):
                for key in {tail, stem_of(tail)}:
                    # An exact name is never hidden by another file's name without its suffix.
                    known = self._by_tail.get(key)
                    self._by_tail[key] = locator if known in {None, locator} else ""
        for locator in self.locators:
            self._by_tail[locator] = locator
        begun = Counter(map(_begun, self.locators))
        self._by_tail |= {b: one for one in self.locators if begun[b := _begun(one)] == 1 and b not in self._by_tail}

    def find(self, name: str) -> str:
        """The locator that a name means: by its whole path, else by ever shorter tails; empty when not unique."""
        clean = name.strip().replace("\\", "/").removeprefix("./").lstrip("/")
        if not clean:
            return ""
        # a suffix has no blank or comma: else a line of a list would be found with its class
        ends = _SUFFIX.fullmatch(suffix_of(clean)) is not None
        for tail in _tails(clean):
            for key in (tail, stem_of(tail)) if ends else (tail,):
                if self._by_tail.get(key):
                    return self._by_tail[key]
        return ""

    def find_all(self, names: Sequence[str]) -> list[str]:
        """The locator of each name."""
        return [self.find(name) for name in names]


def _begun(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _tails(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]
