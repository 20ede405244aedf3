"""What every reader and writer is: some formats, and a function that opens or writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sagittal.core import Geometry, Image, Labels, Polygons
from sagittal.io.guard import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A file format: its name for people, its suffixes (lower case, with the dot), and how it begins.

    ``header`` gives, of formats whose values lie in a file of their own, the file that begins as told. ``sure`` says that
    nothing else begins like this, but DICOM, which may begin like anything: where the name says the same nobody else is asked.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool] = field(repr=False)
    header: Callable[[Path], Path] | None = field(default=None, repr=False)
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What was read of a file to tell what it is: its first bytes, and how many there are in all."""

    head: bytes = field(repr=False)
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A family of formats on the shelf of readers.

    Args:
        name: The name on the shelf.
        formats: In the order in which they are tried.
        open: ``open(path, part, limits) -> Image``: checks the header against the limits; decodes when read.
        claims: ``claims(path, head)``: the format of a file that is a special kind of another reader's, such as a slide
            among TIFF files; asked before all others.
        resume: ``resume(path, part, limits, begun)``: ``open`` for readers of small files, which go on from what was read
            of the file already instead of opening it once more, and whose images hold nothing but what a header says.
        outlines: ``outlines(path, part, labels, like, limits)``: of formats that hold what a person drew, see
            :func:`sagittal.io.read_annotation`.
    """

    name: str
    formats: tuple[Format, ...]
    open: Callable[[Path, str, Limits], Image] = field(repr=False)
    claims: Callable[[Path, bytes], Format | None] | None = field(default=None, repr=False)
    resume: Callable[[Path, str, Limits, Begun], Image] | None = field(default=None, repr=False)
    outlines: Callable[[Path, str, Labels, Geometry | None, Limits], Polygons] | None = field(default=None, repr=False)

    def identify(self, head: bytes) -> Format | None:
        """The format of a file that begins with these bytes; None when it is none of ours."""
        return next((f for f in self.formats if f.matches(head)), None)

    def sniff(self, head: bytes) -> bool:
        """Whether a file that begins with these bytes is one of ours."""
        return self.identify(head) is not None

    def read(self, path: Path, part: str, limits: Limits, begun: Begun | None = None) -> Image:
        """The image in a file, or in the named part of it; ``begun`` is what was read of it already.

        Raises:
            UnreadableInput: Broken, truncated, over a limit, or no such part; the message names the file.
        """
        if begun is not None and self.resume is not None:
            return self.resume(path, part, limits, begun)
        return self.open(path, part, limits)


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """A family of formats on the shelf of writers.

    Args:
        name: The name on the shelf.
        suffixes: Lower case, with the dot.
        write: ``write(image, path)``: whole or not at all.
    """

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Image, Path], None] = field(repr=False)


def starts(*magics: bytes, at: int = 0) -> Callable[[bytes], bool]:
    """A test whether the bytes from ``at`` on begin with one of these.

    >>> starts(b"BM")(b"BM6...")
    True
    """
    return lambda head: head.startswith(magics, at)
