"""JSON from a stranger: parsed without surprises, then fitted to our own types with nothing left over."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import json
import math
import re
import types
import typing
import unicodedata
from collections.abc import Mapping
from typing import Any, cast

DEEPEST = 16
LONGEST_LIST = 65_536
LONGEST_TEXT = 65_536
LARGEST_NUMBER = 2**53
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
# Marks that make a line on the screen read other than it is stored.
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def parsed(data: bytes) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: Not UTF-8, not JSON, nested too deeply, a key twice, NaN or infinity, a number too large to be exact,
            characters that a screen would obey instead of show.
    """
    text = shown(data)
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in "[{":
            depth += 1
        elif match[0] in "]}":
            depth -= 1
        if depth > DEEPEST:
            raise ValueError(f"is nested more than {DEEPEST} deep")
    value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite, parse_int=_exact)
    _check_texts(value)
    return value


def shown(data: bytes) -> str:
    """A text of UTF-8 without control characters but line ends and tabs.

    Raises:
        ValueError: It is not.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 ({error.reason} at byte {error.start})") from None
    _harmless(text.replace("\n", "").replace("\t", ""))
    return text


def _harmless(text: str) -> None:
    for c in set(text):
        if unicodedata.category(c) in {"Cc", "Cs"} or c in _OVERRIDES or c == "\ufeff":
            raise ValueError(f"holds the control character U+{ord(c):04X}")


def _check_texts(value: Any) -> None:
    """Escapes can spell what the file itself must not hold."""
    if isinstance(value, str):
        _harmless(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _harmless(key)
            _check_texts(item)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        often = collections.Counter(name for name, _ in pairs)
        raise ValueError(f"has the key {_short(max(often, key=lambda name: often[name]))} twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"holds {name}, which JSON has not")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds the number {text[:40]}, which is too large")
    return value


def _exact(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_NUMBER:
        raise ValueError(f"holds the number {text[:40]}, which is too large")
    return int(text)


def conform(value: Any, hint: Any, where: str) -> None:
    """Check parsed JSON against a type: dataclasses are closed, nothing is converted, ``true`` is no number.

    Args:
        value: As :func:`parsed` gives it.
        hint: ``int``, ``float`` (takes whole numbers too), ``str``, ``bool``, ``None``, literals, unions, ``tuple[X, ...]``,
            ``Sequence[X]``, ``Mapping[str, X]``, dataclasses; ``Any`` and ``object`` are plain JSON.
        where: For the message.

    Raises:
        ValueError: It does not fit.

    >>> conform([64, 64], tuple[int, ...], "widths")
    >>> conform([64, True], tuple[int, ...], "widths")
    Traceback (most recent call last):
        ...
    ValueError: widths[1] is true, not a whole number
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in {Any, object}:
        _plain(value, where)
    elif origin in {types.UnionType, typing.Union}:
        _one_of(value, inner, where)
    elif origin is typing.Literal:
        if not any(value == choice and type(value) is type(choice) for choice in inner):
            raise ValueError(f"{where} is {_short(value)}, not one of {', '.join(map(str, inner))}")
    elif origin in {tuple, list, collections.abc.Sequence}:
        _all_of(value, inner, where)
    elif origin in {dict, collections.abc.Mapping}:
        _each_of(value, inner[1], where)
    elif dataclasses.is_dataclass(hint):
        _closed(value, cast(type, hint), where)
    else:
        _single(value, hint, where)


_SINGLE: Mapping[Any, tuple[tuple[type, ...], str]] = {
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a text"),
    bool: ((bool,), "true or false"),
    type(None): ((type(None),), "null"),
}


def _single(value: Any, hint: Any, where: str) -> None:
    kinds, name = _SINGLE.get(hint, ((), "of a kind that a file can hold"))
    if type(value) not in kinds:
        raise ValueError(f"{where} is {_short(value)}, not {name}")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise ValueError(f"{where} is a text of {len(value):,} characters")


def _one_of(value: Any, hints: tuple[Any, ...], where: str) -> None:
    reasons = []
    for hint in hints:
        try:
            conform(value, hint, where)
        except ValueError as error:
            reasons.append(str(error))
        else:
            return
    # What is wrong inside of it says more than that it is not null.
    inside = [reason for reason in reasons if not reason.startswith(f"{where} is ")]
    raise ValueError((inside or reasons)[0])


def _all_of(value: Any, inner: tuple[Any, ...], where: str) -> None:
    if not isinstance(value, list):
        raise ValueError(f"{where} is {_short(value)}, not a list")
    if len(value) > LONGEST_LIST:
        raise ValueError(f"{where} is a list of {len(value):,}")
    for i, item in enumerate(value):
        conform(item, inner[0], f"{where}[{i}]")


def _each_of(value: Any, inner: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {_short(value)}, not an object")
    if len(value) > LONGEST_LIST:
        raise ValueError(f"{where} has {len(value):,} keys")
    for key, item in value.items():
        conform(item, inner, f"{where}.{_short(key)}")


def _closed(value: Any, kind: type, where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {_short(value)}, not an object")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for key in value:
        if key not in fields:
            raise ValueError(f"{where} has the unknown key {_short(key)}")
    hints = typing.get_type_hints(kind)
    for name, field in fields.items():
        if name in value:
            conform(value[name], hints[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where} lacks the key {name}")


def _plain(value: Any, where: str) -> None:
    """Numbers, texts, and lists and objects of them."""
    if isinstance(value, dict):
        _each_of(value, Any, where)
    elif isinstance(value, list):
        _all_of(value, (Any,), where)
    elif isinstance(value, str):
        _single(value, str, where)


def _short(value: Any) -> str:
    """A value for a message: ASCII, not long."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
