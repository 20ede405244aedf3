"""Published weights: where they are, and what they must hash to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagittal.errors import UsageError, nearest

_HOST = "https://download.pytorch.org/models/"
# The eight digits are the head of the file's SHA-256: torchvision's own convention.
_FILES = {
    "vgg11": "vgg11-8a719046.pth",
    "vgg11_bn": "vgg11_bn-6002323d.pth",
    "vgg13": "vgg13-19584684.pth",
    "vgg13_bn": "vgg13_bn-abd245e5.pth",
    "vgg16": "vgg16-397923af.pth",
    "vgg16_bn": "vgg16_bn-6c64b313.pth",
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg19_bn": "vgg19_bn-c79401a0.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet101": "resnet101-63fe2227.pth",
    "resnet152": "resnet152-394f9c45.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "densenet169": "densenet169-b2777c0a.pth",
    "densenet201": "densenet201-c1103571.pth",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A file of ImageNet weights with torchvision's names.

    Args:
        name: As ``sagittal weights get`` takes it.
        url: Where it is published.
        sha256: The first digits of its hash.
    """

    name: str
    url: str
    sha256: str

    @property
    def file(self) -> str:
        """Its published file name."""
        return self.url.rsplit("/", 1)[1]

    def by_hand(self, folder: Path) -> str:
        """How to bring the file without our download: all that a person on another machine needs."""
        return f"fetch {self.url} elsewhere, its SHA-256 begins with {self.sha256}, and put it as {self.file} into {folder}"


def published(name: str) -> Published:
    """The entry of this name.

    Raises:
        UsageError: There is none.

    >>> published("vgg16").sha256
    '397923af'
    """
    if name not in _FILES:
        raise UsageError("UNKNOWN_WEIGHTS", name, "there are no published weights of this name", nearest(name, _FILES))
    file = _FILES[name]
    return Published(name=name, url=_HOST + file, sha256=file.removesuffix(".pth").rsplit("-", 1)[1])


def names() -> list[str]:
    """All names, in the order of the table."""
    return list(_FILES)
