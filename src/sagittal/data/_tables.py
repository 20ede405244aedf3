"""Tables of an audit: spacing, orientation, intensities and drawn volumes over the cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagittal.core import Labels
from sagittal.data._anatomy import LEVELS
from sagittal.data._volume_checks import Cases

_MOST_ROWS = 200


def tables(cases: Cases, shares: Mapping[str, Mapping[str, float]], labels: Labels) -> dict[str, Any]:
    """What ``audit.json`` tells of geometry, intensities and drawings.

    Returns:
        ``spacings`` (``{"spacing", "unit", "n"}``, the commonest first), ``orientations`` (code to number of cases),
        ``intensities`` (a row a channel: the median over the cases of its ``levels``, and the widest), ``drawn`` (a row
        a class: its number in the files, in how many cases it is, the median, least and most ml or share).
    """
    volumes = {name: one for name, one in cases.items() if len(one.spacing) == 3}
    spacings = Counter((tuple(round(v, 3) for v in one.spacing), one.unit) for one in volumes.values())
    orientations = Counter(one.anatomy.orientation or "not known" for one in volumes.values())
    told = {
        "spacings": [{"spacing": list(size), "unit": unit, "n": n} for (size, unit), n in spacings.most_common(_MOST_ROWS)],
        "orientations": dict(orientations.most_common()),
        "intensities": _intensities(cases),
        "drawn": _drawn(cases, shares, labels),
    }
    return {key: value for key, value in told.items() if value}


def _intensities(cases: Cases) -> list[dict[str, Any]]:
    by_channel: dict[str, list[tuple[float, ...]]] = {}
    for one in cases.values():
        for channel, levels in zip(one.channels, one.anatomy.levels, strict=False):
            by_channel.setdefault(channel, []).append(levels)
    rows = []
    for channel, found in list(by_channel.items())[:_MOST_ROWS]:
        table = np.array(found)
        middle = np.median(table, axis=0)
        named = {f"p{100 * p:g}": float(v) for p, v in zip(LEVELS, middle, strict=True)}
        rows.append(
            {"channel": channel, "n": len(found), "levels": named, "least": float(table[:, 0].min()), "most": float(table[:, -1].max())}
        )
    return rows


def _drawn(cases: Cases, shares: Mapping[str, Mapping[str, float]], labels: Labels) -> list[dict[str, Any]]:
    """What each class covers where it is: in ml for volumes in mm, else as a share of the picture."""
    in_ml = {name: one.anatomy.volumes for name, one in cases.items() if one.anatomy.volumes}
    covered, unit = (in_ml, "ml") if in_ml else ({name: dict(found) for name, found in shares.items() if found}, "share")
    if not covered:
        return []
    rows = []
    for name in labels.classes:
        if name == labels.background:
            continue
        found = np.array([v for table in covered.values() if (v := table.get(name, 0.0)) > 0])
        row: dict[str, Any] = {"class": name, "numbers": list(labels.numbers(name)), "n": len(found), "of": len(covered), "unit": unit}
        if len(found):
            row |= {"median": float(np.median(found)), "least": float(found.min()), "most": float(found.max())}
        rows.append(row)
    return rows
