"""Healthy brains of the IXI collection: IXI-T1 and IXI-T2 beside each other, no labels."""

from __future__ import annotations

import re
from pathlib import Path

from sagittal.core import Labels
from sagittal.data.layouts._files import VOLUMES, natural
from sagittal.data.layouts._found import Found, plural
from sagittal.data.layouts._subjects import Subject, chosen, locators, subjects_of, told
from sagittal.errors import UsageError, nearest

# brain-development.org/ixi-dataset: subject, hospital, number, sequence
_NAME = re.compile(r"^(IXI\d{3})-(Guys|HH|IOP)-(\d+)-(T1|T2|PD|MRA)\.nii(?:\.gz)?$")


def ixi(root: Path, *, group: str | None = None, images: list[str] | None = None) -> Found | None:
    """Healthy brains as IXI has them: ``IXI-T1/IXI002-Guys-0828-T1.nii.gz`` beside ``IXI-T2``, hospital in the name, no labels.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`; by default the IXI number is the patient.
        images: The sequences to use, in order; by default all that nearly every subject has.

    Returns:
        None when no file is called so.

    Raises:
        UsageError: A sequence that no subject has.
    """
    found = [(m, name) for name in locators(root, VOLUMES) if (m := _NAME.match(name.rpartition("/")[2]))]
    there = sorted({m[4] for m, _ in found}, key=natural)
    unknown = [name for name in images or () if name not in there]
    if unknown and there:
        raise UsageError("UNKNOWN_FILE", f"data.images={unknown[0]}", "no subject has it", nearest(unknown[0], there))
    subjects = subjects_of((Subject(id=f"{m[1]}-{m[2]}-{m[3]}", group=m[1], meta={"site": m[2]}), m[4], name) for m, name in found)
    picked = chosen(sorted(subjects, key=lambda s: natural(s.id)), channels=images or ())
    if picked is None:
        return None
    head = f"IXI: {plural(len(picked.subjects), 'healthy brain')}, channels {', '.join(picked.channels)}, nothing drawn"
    return told("ixi", root, picked, Labels(classes=()), head, group=group, rule="IXI number")
