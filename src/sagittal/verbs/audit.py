"""Audit: what a data set is, and what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sagittal.core import Case
from sagittal.data.audit import LEAKS, Audit, Progress
from sagittal.data.audit import audit as look
from sagittal.data.finding import Finding
from sagittal.data.layouts._found import Found
from sagittal.data.leaks import apart, tie
from sagittal.data.manifest import Manifest
from sagittal.data.signs import lines
from sagittal.data.split import SplitRules, assign
from sagittal.data.stains import lines as stain_lines
from sagittal.errors import SagittalError, UsageError
from sagittal.io import atomic
from sagittal.verbs._asked import Terms
from sagittal.verbs._open import folder_for, found_at
from sagittal.verbs._outcome import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Audited(Outcome):
    """The outcome of an audit.

    Args:
        audit: What was found.
        manifest: The cases, as the layout gave them.
        error: Why the data must not be used as they are; None when they may.
    """

    audit: Audit
    manifest: Manifest
    error: SagittalError | None = None

    def record(self) -> dict[str, Any]:
        """One object for ``--json``."""
        base = Outcome.record(self)
        return {**base, "exit": self.error.exit_code if self.error else base["exit"], **(self.error.record() if self.error else {})}

    def raise_for_exit(self) -> None:
        """Complain after the files are written.

        Raises:
            SagittalError: The data must not be used as they are: exit 3 for unreadable files, 4 for leaks.
            Partial: Unreadable files were left out.
        """
        if self.error is not None:
            raise self.error
        Outcome.raise_for_exit(self)


def audit(
    data: str | Path,
    *,
    out: str | Path | None = None,
    layout: str | None = None,
    group: str | None = None,
    allow: Sequence[str] = (),
    allow_unreadable: bool = False,
    max_pixels: int | None = None,
    options: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
    workers: int | None = None,
) -> Audited:
    """Look at a data set and write ``audit.html``, ``audit.json``, ``manifest.csv`` and ``manifest.json``.

    The outcome is given back even where the data must not be used; its ``raise_for_exit`` then complains.

    Args:
        data: A folder, a table, an array file or a manifest.
        out: The folder to write; by default ``audit-<name>`` in the working directory.
        layout: How the data lie, where looking does not tell.
        group: A pattern for file names whose bracket is the patient, or a column.
        allow: Codes of findings that are let through.
        allow_unreadable: Leave out files that cannot be read.
        max_pixels: The largest picture that is decoded.
        options: Further options of the layout.
        sets: The same as texts, ``data.key=value``.
        workers: Processes that read.

    Raises:
        UsageError: No layout fits, or several do; a code to allow that does not exist; or a run lies in the folder.
        StorageFailure: The folder cannot be written.
    """
    terms = Terms(layout=layout, allow=allow, allow_unreadable=allow_unreadable, max_pixels=max_pixels, leaks=True)
    told = {"layout": layout, **(options or {}), **_settings(sets), **{k: v for k, v in (("layout", layout), ("group", group)) if v}}
    found = found_at(data, layout=told.pop("layout"), options=told)
    place = folder_for(out or f"audit-{Path(data).resolve().stem}")
    looked = look(found.manifest, workers=workers, limits=terms.limits, progress=_progress())
    seen = looked.letting({*allow, *(["UNREADABLE"] if terms.skips else [])})
    write(seen, found.manifest, place)
    skipped = tuple(seen.unreadable) if terms.skips else ()
    facts = {"sentence": found.sentence, "counts": seen.counts, "findings": [f.record() for f in seen.findings], "out": str(place)}
    return Audited(
        path=place,
        facts=facts,
        text=[found.sentence, *map(_line, seen.findings), *lines(seen.tables), *stain_lines(seen.tables), f"written to {place}"],
        failed=skipped,
        list_file=place / "audit.json",
        audit=seen,
        manifest=found.manifest,
        error=seen.refusal(allow=allow, skip_unreadable=allow_unreadable),
    )


def _settings(sets: Sequence[str]) -> dict[str, Any]:
    """What ``--set`` says of the data; anything else has no meaning for an audit.

    Raises:
        UsageError: Not ``data.key=value``.
    """
    for text in sets:
        if not text.startswith("data."):
            raise UsageError("SETTING", text, "an audit takes settings of the data only", "write for example --set data.classes=[a,b]")
    if not sets:
        return {}
    from sagittal.engine.config import load_recipe

    data = load_recipe(sets=sets).data
    return {**data.met(), "layout": data.layout, "group": data.group}


def write(seen: Audit, manifest: Manifest, out: Path) -> None:
    """Write the files of an audit into a folder."""
    manifest.write(out)
    atomic.write_json(out / "audit.json", seen.record())
    from sagittal.report.audit_page import write as write_page

    write_page(seen.record(), out / "audit.html", planes=seen.planes)


def audited(
    found: Found,
    *,
    split: SplitRules | None = None,
    terms: Terms | None = None,
    workers: int | None = None,
) -> tuple[Audit, Manifest]:
    """The audit of a data set and its cases in splits, once nothing stands against training on them.

    Copies of one picture, exact or nearly, are kept on one side of the splits that are made here.

    Args:
        found: The data set.
        split: How splits are made.
        terms: What is let through, what is left out, and how large a file may be.
        workers: Processes that read.

    Raises:
        UnreadableInput: A file cannot be read.
        Refused: A leak into test, or a class with no group in a split that is made here.
    """
    rules, asked = split or SplitRules(), terms or Terms()
    allowed = {*rules.allow, *asked.allow}
    seen = look(found.manifest, workers=workers, limits=asked.limits, progress=_progress())
    error = seen.refusal(allow=allowed, drop=rules.leaks == "drop", skip_unreadable=asked.skips)
    if error is not None:
        raise error
    manifest = found.manifest.with_cases(c for c in found.manifest.cases if c.id not in seen.unreadable and _is_told(c, found.manifest))
    manifest, dropped = apart(manifest, seen.exact(), leaks=rules.leaks, allow=allowed)
    # Only for drawing splits are alike cases one patient; what is kept in the manifest is what is known.
    tied, alike = tie(manifest, _free(manifest, seen.alike()), seen.exact())
    drawn, made = assign(tied, replace(rules, allow=frozenset({*allowed, *LEAKS})))
    where = {c.id: c.split for c in drawn.cases}
    kept = tuple(replace(c, split=where[c.id]) for c in manifest.cases if c.id in where)
    manifest = manifest.with_cases(kept, **{k: v for k, v in drawn.provenance.items() if k in {"split_rule", "dropped"}})
    return seen.with_findings([*dropped, *alike, *made], manifest), manifest


def _is_told(case: Case, manifest: Manifest) -> bool:
    """Whether anything was said of a case; with several labels, none of them is an answer too."""
    return bool(case.label or case.annotation) or manifest.said in {"labels", "nothing"}


def _free(manifest: Manifest, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs that no given split has parted already."""
    split = {c.id: c.split for c in manifest.cases}
    return [(a, b) for a, b in pairs if a in split and b in split and len({split[a], split[b]} - {""}) <= 1]


def _line(finding: Finding) -> str:
    """A finding for people."""
    word = {"block": "STOP", "warn": "mind", "note": "note"}[finding.severity]
    return f"{word}  {finding.code}: {finding.what}; {finding.remedy}"


def _progress() -> Progress | None:
    """A line that counts, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None

    def told(done: int, total: int) -> None:
        sys.stderr.write(f"\rlooked at {done} of {total}" + ("\n" if done == total else ""))
        sys.stderr.flush()

    return told
