"""The audit of a data set as a page: what it is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from sagittal.core.labels import PALETTE, Labels
from sagittal.errors import SagittalError
from sagittal.io.atomic import write_text
from sagittal.report import describe, doctor, page, words
from sagittal.report.flags import finding_title, severity_of
from sagittal.report.outlines import outlines
from sagittal.report.page import fill
from sagittal.report.planes import Plane, outlined
from sagittal.report.section import Section
from sagittal.report.stains import stains
from sagittal.report.tables import count_table, finding_list, groups_told
from sagittal.report.thumbnails import thumbnails

Record = Mapping[str, Any]
Picture = Callable[[str], str | None]

EXAMPLES = 6
MOST_CLASSES = 12

DRAWN = {2: ", cases on which nothing is drawn", 3: ", grids that do not fit, numbers without a class, odd voxels and modalities"}
"""What else is looked for in data of so many axes that were drawn on, or are volumes."""

PLANES = """
{% if legend %}<ul class="legend">
{% for item in legend %}
<li><span class="swatch" style="background: {{ item.colour }}"></span><span>{{ item.name }}</span></li>
{% endfor %}
</ul>{% endif %}
<div class="gallery broad">
{% for item in items %}
<figure><div class="pair one"><img src="{{ item.face }}" alt="{{ item.case }}"></div><figcaption class="case"><b>{{ item.case }}</b>
{% if item.why %}<br>{{ item.why }}{% endif %}</figcaption></figure>
{% endfor %}
</div>
"""

SHEET = """
{% for row in rows %}
<h3 class="block-head">{{ row.name }}</h3>
<div class="sheet">
{% for item in row.faces %}
<figure><img src="{{ item.face }}" alt="{{ item.case }}"><figcaption>{{ item.case }}</figcaption></figure>
{% endfor %}
</div>
{% endfor %}
"""


def write(record: Record, out: Path, *, planes: Mapping[str, Sequence[Plane]] | None = None) -> Path:
    """Write ``audit.html``.

    Pictures (example sheet, pairs of copies) are shown when ``manifest.csv`` lies in the folder of ``out`` and the files
    that it names can still be read.

    Args:
        record: As in ``audit.json``; see :mod:`describe` for what it may say of the files.
        out: The file to write.
        planes: Of some cases what is to be shown of them, with what was drawn.

    Returns:
        The file that was written.

    Raises:
        StorageFailure: It cannot be written.
    """
    write_text(out, html(record, out.parent, planes=planes))
    return out


def html(record: Record, folder: Path, *, planes: Mapping[str, Sequence[Plane]] | None = None) -> str:
    """The page of an audit; ``folder`` is where its manifest is, for pictures."""
    picture = thumbnails(folder)
    labels, objects = _labels_of(folder)
    looked = _cases(record, labels, planes or {}, objects=objects)
    sections = [_verdict(record), _findings(record, picture), _data(record, labels), looked or _examples(folder, picture)]
    return page.whole(
        [s for s in sections if s is not None],
        title=str(record.get("name") or _name_of(folder)),
        subtitle=_counted(record),
        footer=("Not a medical device. Made by Sagittal; nothing in this page is fetched from elsewhere.",),
        kind="Audit",
    )


def _verdict(record: Record) -> Section:
    """What it is, and whether it can be used, in two sentences."""
    findings = list(record.get("findings") or ())
    worst = {severity: [f for f in findings if severity_of(f) == severity] for severity in ("block", "warn")}
    titles = {k: words.listed([_lower(finding_title(str(f.get("code", "")))) for f in v], most=3) for k, v in worst.items()}
    if worst["block"]:
        what = fill("<b>It must not be used as it is:</b> {{ titles }}.", titles=titles["block"])
    elif worst["warn"]:
        what = fill("It can be used, but mind: {{ titles }}.", titles=titles["warn"])
    else:
        what = fill("Nothing was found that speaks against using it.")
    sentence = fill("{{ text }}", text=str(record.get("sentence") or "").rstrip("."))
    first = sentence[:1].upper() + sentence[1:] + ". " if sentence else Markup("")
    return Section(title="Verdict", order=10, html=fill('<p class="verdict">{{ first }}{{ what }}</p>', first=first, what=what))


def _findings(record: Record, picture: Picture) -> Section:
    found = list(record.get("findings") or ())
    axes = words.axes_of(record)
    lede = f"Looked for: {words.looked_for(axes)}{DRAWN.get(axes or 0, '') if record.get('tables') else ''}."
    html = finding_list(found, picture=picture) if found else fill("<p>Nothing was found.</p>")
    return Section(title="Findings", order=20, lede=lede, html=html)


def _data(record: Record, labels: Labels) -> Section | None:
    counts = record.get("counts") or {}
    classes = list(dict.fromkeys(name for row in counts.values() for name in row))

    def colour(name: str) -> str:
        return f"var(--series-{classes.index(name)})" if name in classes and len(classes) <= len(PALETTE) else "var(--series-0)"

    parts = [
        count_table(counts, colour=colour) if counts else Markup(""),
        fill("{% if facts %}{{ parts.facts(facts) }}{% endif %}", facts=groups_told(record)),
        describe.sizes(record, colour=colour),
        doctor.lie(record),
        doctor.hold(record),
        doctor.drawn(record, colour=lambda name: labels.colour(name) if name in labels.classes else PALETTE[0]),
        outlines(record),
        stains(record),
        describe.histograms(record, colour=colour),
        describe.metadata(record),
    ]
    html = Markup("").join(parts)
    return Section(title="Data", order=30, html=html) if html.strip() else None


def _cases(record: Record, labels: Labels, planes: Mapping[str, Sequence[Plane]], *, objects: bool) -> Section | None:
    """Cases with the outlines of what was drawn; of volumes three planes, with or without a drawing."""
    shown = {case: views for case, views in planes.items() if views and (len(views) > 1 or views[0].drawn is not None)}
    if not shown:
        return None
    colours = {i: labels.colour(name) for i, name in enumerate(labels.classes) if name != labels.background}
    first = next(iter(colours.values()), PALETTE[1])
    # The numbers of objects are not classes: all are drawn as the one class that they are of.
    colours = {} if objects else colours
    why = {str(i): finding_title(str(f.get("code", ""))) for f in record.get("findings") or () for i in list(f.get("items") or ())[:1]}
    items = [{"case": c, "face": page.inline(outlined(v, colours, other=first)), "why": why.get(c, "")} for c, v in shown.items()]
    drawn = any(view.drawn is not None for views in shown.values() for view in views)
    legend = [{"name": name, "colour": labels.colour(name)} for name in labels.classes if name != labels.background] if drawn else []
    lede = "Axial, coronal and sagittal, upright and to scale, where most was drawn." if any(len(v) > 1 for v in shown.values()) else ""
    return Section(title="Cases", order=40, lede=lede, html=fill(PLANES, items=items, legend=legend))


def _labels_of(folder: Path) -> tuple[Labels, bool]:
    """The classes, and whether numbers in masks count objects."""
    from sagittal.data import manifest

    try:
        found = manifest.read(folder)
    except SagittalError:
        return Labels(classes=()), False
    return found.labels, found.objects


def _examples(folder: Path, picture: Picture) -> Section | None:
    """The first readable pictures of each class."""
    rows = [{"name": name, "faces": _faces(cases, picture)} for name, cases in list(_by_class(folder).items())[:MOST_CLASSES]]
    shown = [row for row in rows if row["faces"]]
    return Section(title="Examples", order=40, html=fill(SHEET, rows=shown)) if shown else None


def _faces(cases: Sequence[str], picture: Picture) -> list[dict[str, str]]:
    """Spread over the class, not its first files: those are often of one patient."""
    step = max(1, len(cases) // EXAMPLES)
    pairs = [(case, picture(case)) for case in cases[::step][:EXAMPLES]]
    return [{"case": case, "face": face} for case, face in pairs if face is not None]


def _by_class(folder: Path) -> dict[str, list[str]]:
    from sagittal.data import manifest

    try:
        cases = manifest.read(folder).cases
    except SagittalError:
        return {}
    found: dict[str, list[str]] = {}
    for case in cases:
        found.setdefault(case.label or "all", []).append(case.id)
    # labels that are all different are values or findings, not classes
    return found if len(found) <= max(MOST_CLASSES, len(cases) // 3) else {"all": [case.id for case in cases]}


def _name_of(folder: Path) -> str:
    """What the data are called: the folder in which they lie."""
    from sagittal.data import manifest

    try:
        return manifest.read(folder).root.resolve().name or "data"
    except SagittalError:
        return folder.resolve().name


def _counted(record: Record) -> str:
    counts = record.get("counts") or {}
    n = sum(int(v) for row in counts.values() for v in row.values())
    classes = dict.fromkeys(name for row in counts.values() for name in row)
    if not n:
        return ""
    told = words.listed(list(classes)) if len(classes) <= 7 else words.count(len(classes), "class", "classes")
    return words.count(n, "case") + (f" · {told}" if len(classes) > 1 else "")


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
