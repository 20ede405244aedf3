"""Which column is what: told by its name, confirmed by its cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from sagittal.data.layouts._files import split_of
from sagittal.io.readers._columns import is_missing

_GROUP: tuple[str, ...] = (
    "patient",
    "patientid",
    "patients",
    "subject",
    "subjectid",
    "person",
    "personid",
    "participant",
    "pid",
    "mrn",
    "donor",
    "group",
    "groupid",
    "lesionid",
)
_GROUP_WORDS = {"patient", "subject", "person", "participant", "pid", "mrn", "donor"}
_ELSEWHERE = ("patien", "pacient", "pazient", "患者", "病人", "受试者")
"""How other languages begin what they call a patient, or call one."""
_OF_PEOPLE = {"age", "sex", "gender", "weight", "height", "position", "type", "status", "class", "label", "outcome", "name"}
_LABEL: tuple[str, ...] = (
    "label",
    "labels",
    "class",
    "classes",
    "target",
    "diagnosis",
    "dx",
    "y",
    "category",
    "categories",
    "outcome",
    "finding",
    "findings",
)
_LABEL += (
    "findinglabels",
    "disease",
    "diseases",
    "pathology",
    "condition",
    "groundtruth",
    "gt",
    "classification",
    "grade",
    "result",
    "type",
    "tag",
    "tags",
)
_LABEL_WORDS = {"label", "labels", "class", "target", "diagnosis", "finding", "findings", "outcome", "category", "disease"}
_SPLIT: tuple[str, ...] = ("split", "set", "subset", "partition", "phase", "usage", "fold", "dataset", "datasetsplit", "traintest", "part")
MICROMETRES = "micrometres"
"""The key of the provenance that names the column of micrometres a pixel."""

_MICROMETRES = {"mpp", "micronsperpixel", "umperpixel", "micrometresperpixel", "micrometersperpixel"}
_IDS = {
    "id",
    "index",
    "uid",
    "uuid",
    "identifier",
    "row",
    "rowid",
    "no",
    "nr",
    "number",
    "recordid",
    "studyid",
    "caseid",
    "sampleid",
    "name",
    "case",
    "sample",
}


def plain(name: str) -> str:
    """A column's name without case, blanks and signs.

    >>> plain("Patient ID"), plain("Finding_Labels")
    ('patientid', 'findinglabels')
    """
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def words(name: str) -> set[str]:
    """The words of a column's name.

    >>> sorted(words("patientId")), sorted(words("final_diagnosis"))
    (['id', 'patient'], ['diagnosis', 'final'])
    """
    return {w for w in re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()) if w}


def group_column(columns: Mapping[str, Sequence[str]]) -> str:
    """The column that says whose a row is; empty when none does.

    A column called only ``group`` must look like ids: it may as well be the arm of a study.

    >>> group_column({"Patient ID": ["1", "2"], "age": ["4", "5"]}), group_column({"group": ["control", "treated"]})
    ('Patient ID', '')
    >>> group_column({"Patienten-Nr.": ["1", "2"]}), group_column({"患者编号": ["1", "2"]})
    ('Patienten-Nr.', '患者编号')
    """
    people = [n for n, cells in columns.items() if len({c for c in cells if c}) > 1 and (_of_a_person(n) or _are_ids(cells))]
    return _first(people, _GROUP, lambda n: _of_a_person(n) and not words(n) & _OF_PEOPLE)


def _of_a_person(name: str) -> bool:
    return bool(words(name) & _GROUP_WORDS) or any(part in name.casefold() for part in _ELSEWHERE)


def _are_ids(cells: Sequence[str]) -> bool:
    filled = [c for c in cells if c]
    return sum(any(s.isdigit() for s in c) for c in filled) >= 0.9 * len(filled) and len(set(filled)) >= 5


def label_columns(names: Collection[str]) -> list[str]:
    """The columns that are named after a label, the likeliest first."""
    # "No Finding" is a class among others, not the column of them
    known = [n for n in names if not words(n) & {"no", "not"} and (plain(n) != "y" or not any(plain(o) == "x" for o in names))]
    exact = sorted((n for n in known if plain(n) in _LABEL), key=lambda n: _LABEL.index(plain(n)))
    return [
        *exact,
        *(n for n in known if n not in exact and words(n) & _LABEL_WORDS and not words(n) & {"id", "code", "count", "n", "date"}),
    ]


def micrometre_column(columns: Mapping[str, Sequence[str]]) -> str:
    """The column that says how many micrometres a pixel is; empty when none does.

    >>> micrometre_column({"site": ["A", "B"], "MPP": ["0.25", ""]}), micrometre_column({"mpp": ["low", "high"]})
    ('MPP', '')
    """
    return next((n for n, cells in columns.items() if plain(n) in _MICROMETRES and are_numbers(cells)), "")


def is_id(name: str) -> bool:
    """Whether a column is named as a mere running number or key."""
    return plain(name) in _IDS or plain(name).startswith("unnamed") or bool(words(name) & {"id", "uid", "uuid", "identifier", "mrn"})


def counts_rows(name: str, cells: Sequence[str]) -> bool:
    """Whether a column without a name of its own only counts the rows, as one that pandas wrote for its index does.

    >>> counts_rows("c0", ["0", "1", "2"]), counts_rows("age", ["0", "1", "2"]), counts_rows("c1", ["3", "1", "2"])
    (True, False, False)
    """
    return re.fullmatch(r"c\d+", name) is not None and any(list(cells) == [str(first + i) for i in range(len(cells))] for first in (0, 1))


def split_column(columns: Mapping[str, Sequence[str]]) -> str:
    """The column whose cells are names of splits; empty when there is none.

    >>> split_column({"a": ["x", "y"], "Usage": ["Training", "PublicTest"]}), split_column({"q": ["train", "TEST"]})
    ('', 'q')
    """
    fitting = []
    for name, cells in columns.items():
        if words(name) & _GROUP_WORDS:
            continue
        distinct = {c for c in cells if c}
        if distinct and len(distinct) <= 8 and all(split_of(c) for c in distinct) and (len(distinct) > 1 or plain(name) in _SPLIT):
            fitting.append(name)
    return _first(fitting, _SPLIT, lambda _: True)


def _first(names: Iterable[str], exact: Sequence[str], also: Callable[[str], bool]) -> str:
    """The name that stands first in ``exact``, else the first for which ``also`` holds."""
    known = list(names)
    listed = [n for n in known if plain(n) in exact]
    if listed:
        return min(listed, key=lambda n: exact.index(plain(n)))
    return next((n for n in known if also(n)), "")


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether every filled cell is a number, and there is one."""
    filled = [c for c in cells if not is_missing(c)]
    try:
        [float(c) for c in filled]
    except ValueError:
        return False
    return bool(filled)


def are_values(cells: Sequence[str]) -> bool:
    """Whether numbers are measurements and not the numbers of classes.

    Fractions are; whole numbers are when there are more than 20 different ones and few repeat.

    >>> are_values(["0", "1", "1"]), are_values(["0.5", "2"]), are_values([str(v) for v in range(30)])
    (False, True, True)
    """
    if not are_numbers(cells):
        return False
    numbers = [float(c) for c in cells if not is_missing(c)]
    if any(not n.is_integer() for n in numbers):
        return True
    return len(set(numbers)) > 20 and len(set(numbers)) > 0.05 * len(numbers)
