"""Whether slides say how large their pixels are: without that, nobody knows at which magnification a model looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sagittal.data.finding import Finding, some


def without_micrometres(slides: Mapping[str, str]) -> Iterator[Finding]:
    """What to say of slides whose pixels are of no known size; it is never guessed.

    Where others say it, they would be learned from at different magnifications unknowingly, which stops a run.

    Args:
        slides: The unit of each slide's grid: ``um`` where the file, a table or the user says it.

    >>> [f.severity for units in ({"a": "px"}, {"a": "px", "b": "um"}, {"a": "um"}) for f in without_micrometres(units)]
    ['warn', 'block']
    """
    silent = tuple(name for name, unit in slides.items() if unit != "um")
    if not silent:
        return
    if len(silent) < len(slides):
        what = f"{len(silent)} of {len(slides)} slides do not say how many micrometres a pixel is, and the others do: {some(silent)}"
        remedy = "state it in a column mpp of a table, with empty cells where the file says it; or of all with --set data.mpp=0.5"
        yield Finding(code="NO_MPP", severity="block", items=silent, what=what, remedy=remedy)
        return
    what = f"nobody says how many micrometres a pixel of the {len(slides)} slides is"
    what = what if len(slides) > 1 else "nobody says how many micrometres a pixel of the slide is"
    what += ": they are looked at as fine as they are, and a slide of another magnification will be misjudged unnoticed"
    remedy = "state it: --set data.mpp=0.5 of all, or a column mpp of a table"
    yield Finding(code="NO_MPP", severity="warn", items=silent, what=what, remedy=remedy)
