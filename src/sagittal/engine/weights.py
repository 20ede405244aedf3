"""Starting weights: published files, our own runs, any safetensors; found, checked, loaded by name."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sagittal.engine._published import Published, names, published
from sagittal.engine.convert import LARGEST, convert
from sagittal.engine.tensors import digest_of
from sagittal.errors import LimitExceeded, UnreadableInput, UsageError
from sagittal.io.atomic import storage, writing
from sagittal.models._network import Network

FOREIGN = (".pt", ".pth", ".bin", ".ckpt")
# DenseNet files of 2017 count the layers inside a dense layer: norm.1, where the modules are called norm1.
_OLD_NAMES = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")
_TIMEOUT_S = 60
_CHUNK = 2**20


class _Open(Protocol):
    def __call__(self, url: str, *, timeout: float) -> BinaryIO: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What a network took from a file.

    Args:
        source: The file's name.
        sha256: Of the file.
        matched: Weights that were taken.
        adapted: Of these, the ones whose colour channels were added up to one grey channel.
        missing: Weights of the network that keep their random start, since the file has none of that name and shape.
        unexpected: Weights of the file that the network has no place for.
    """

    source: str
    sha256: str
    matched: tuple[str, ...]
    adapted: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """For people: how many were loaded, and which layers start anew.

        >>> Loaded(source="a", sha256="", matched=("c.weight",), adapted=(), missing=("d.weight", "d.bias"), unexpected=()).sentence
        'a: 1 of 3 weights loaded; start anew: d'
        """
        all_of_them = len(self.matched) + len(self.missing)
        layers = list(dict.fromkeys(name.rpartition(".")[0] or name for name in self.missing))
        rest = f"start anew: {', '.join(layers)}" if layers else "nothing starts anew"
        return f"{self.source}: {len(self.matched)} of {all_of_them} weights loaded; {rest}"

    def record(self) -> dict[str, object]:
        """For JSON."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "sentence": self.sentence,
            "matched": len(self.matched),
            "adapted": list(self.adapted),
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
        }


def default_folder() -> Path:
    """Where downloaded and converted weights lie, in the user's home."""
    return Path.home() / ".cache" / "sagittal" / "weights"


def start_from(network: Network, what: str, *, folder: Path | None = None) -> Loaded:
    """Give a network the weights of ``imagenet``, a published name, a run or a file.

    Raises:
        UsageError: There are no such weights for this network, or none of them fits.
        UnreadableInput: They are not on this machine, or cannot be read.
    """
    return load_into(network, check_start(network, what, folder=folder))


def check_start(network: Network, what: str, *, folder: Path | None = None) -> Path:
    """The file that :func:`start_from` would take.

    Raises:
        UsageError: There are no such weights for this network.
        UnreadableInput: They are not on this machine.
    """
    if what == "imagenet":
        if network.published is None:
            remedy = f"choose a published network ({', '.join(names())}), name a file, or set model.pretrained: null"
            raise UsageError("NO_PUBLISHED_WEIGHTS", "imagenet", "there are none for this network", remedy)
        what = network.published
    return find(what, folder=folder)


def find(what: str | Path, *, folder: Path | None = None) -> Path:
    """The safetensors file of a published name, a run or a path; never a download.

    A foreign file (``.pth``), given by path or lying in ``folder`` under its published name, is converted once; what is
    made of it is kept in ``folder`` under the file's hash.

    Args:
        what: A path if there is such a file or folder, else a published name as ``vgg16``.
        folder: Where weights lie; by default in the user's home.

    Raises:
        UsageError: Neither a path nor a published name.
        UnreadableInput: A published name that is not in the folder (with the ways to get it), or a broken file.
    """
    folder = folder or default_folder()
    path = Path(what)
    if path.is_dir():
        best = path / "checkpoints" / "best" / "model.safetensors"
        if not best.is_file():
            raise UnreadableInput("NO_WEIGHTS", path, "the folder has no checkpoints/best/model.safetensors", "give a finished run")
        return best
    if path.is_file():
        return _converted(path, folder) if path.suffix.lower() in FOREIGN else path
    if path.suffix or len(path.parts) > 1:
        raise UnreadableInput("NO_FILE", what, "there is no such file or run", "check model.pretrained")
    entry = published(str(what))
    kept = folder / f"{entry.name}.safetensors"
    if kept.is_file():
        return kept
    if (folder / entry.file).is_file():
        return _checked(entry, folder / entry.file, folder)
    raise UnreadableInput("NO_WEIGHTS", entry.name, f"not in {folder}", _how(entry, folder))


def get(name: str, *, folder: Path | None = None, opener: _Open | None = None, progress: Callable[[int, int], None] | None = None) -> Path:
    """Download published weights, check their hash, and keep them as safetensors; nothing is done when they are there.

    Args:
        name: As ``vgg16``; see ``names()``.
        folder: Where they go; by default in the user's home.
        opener: In place of ``urllib.request.urlopen``.
        progress: Called with the bytes that came and the bytes to come (0 where not known).

    Raises:
        UsageError: No such name.
        UnreadableInput: No network, or not the published file.
        StorageFailure: The folder cannot be written.
    """
    entry = published(name)
    folder = folder or default_folder()
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if (folder / f"{entry.name}.safetensors").is_file():
        return folder / f"{entry.name}.safetensors"
    raw = folder / entry.file
    if not raw.is_file():
        try:
            _download(entry, raw, opener=opener or urllib.request.urlopen, progress=progress)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise UnreadableInput(
                "NO_NETWORK", name, f"could not be downloaded ({reason})", f"{entry.by_hand(folder)}, then try again"
            ) from None
    found = _checked(entry, raw, folder)
    raw.unlink()
    return found


UNITS = re.compile(r"(^|\.)units\.(mean|std)$")


def load_into(network: Network, path: Path) -> Loaded:
    """Take from a safetensors file every weight whose name and shape fit; the rest is listed, never guessed.

    A first convolution for one channel takes the sum of the file's three: what a grey picture in three equal channels
    would give.

    Raises:
        UnreadableInput: Not a safetensors file.
        UsageError: No weight fits, or none of the trunk: the network would start from nothing.
    """
    # The units of the answers are those of the new targets, whatever the file was trained on.
    own = {name: value for name, value in network.state_dict(keep_vars=True).items() if not UNITS.search(name)}
    matched, adapted, unexpected = [], [], []
    try:
        with safe_open(path, framework="pt") as file, torch.no_grad():
            for stored in file.keys():  # noqa: SIM118 - not a mapping
                name = _OLD_NAMES.sub(r"\1\2", stored)
                value = file.get_tensor(stored)
                grey = _grey(value, own.get(name))
                if name in own and (own[name].shape == value.shape or grey is not None):
                    own[name].copy_(value if grey is None else grey)
                    matched.append(name)
                    adapted += [] if grey is None else [name]
                else:
                    unexpected.append(stored)
    except (SafetensorError, OSError) as error:
        raise UnreadableInput("WEIGHTS", path, f"not a safetensors file ({error})", "give a safetensors or .pth file of weights") from None
    if not {id(own[name]) for name in matched} & {id(t) for t in network.trunk.state_dict(keep_vars=True).values()}:
        what = f"none of its {len(unexpected) + len(matched)} weights fits the network's trunk"
        raise UsageError("WEIGHTS_DO_NOT_FIT", path, what, "give the weights of the same network, or set model.pretrained: null")
    # A count that old files lack, and that only matters for norms without a momentum.
    missing = (k for k in own if k not in set(matched) and not k.endswith("num_batches_tracked"))
    return Loaded(
        source=path.name,
        sha256=digest_of(path),
        matched=tuple(matched),
        adapted=tuple(adapted),
        missing=tuple(missing),
        unexpected=tuple(unexpected),
    )


def _grey(value: Tensor, own: Tensor | None) -> Tensor | None:
    """Three colour channels as one, where that is all that differs."""
    if own is None or value.dim() < 3 or value.dim() != own.dim() or value.shape[1] != 3 or own.shape[1] != 1:
        return None
    return value.sum(dim=1, keepdim=True) if value.shape[0] == own.shape[0] and value.shape[2:] == own.shape[2:] else None


def _converted(path: Path, folder: Path) -> Path:
    """What was made of a foreign file, by its hash: converted at the first time only."""
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{path.stem}-{digest_of(path)[:16]}.safetensors"
    return kept if kept.is_file() else convert(path, kept)


def _checked(entry: Published, raw: Path, folder: Path) -> Path:
    """The converted file, if the raw one is the published one."""
    digest = digest_of(raw)
    if not digest.startswith(entry.sha256):
        what = f"its SHA-256 begins with {digest[: len(entry.sha256)]}, the published file's with {entry.sha256}"
        raise UnreadableInput("WRONG_WEIGHTS", raw, what, f"delete it and get it again from {entry.url}")
    return convert(raw, folder / f"{entry.name}.safetensors")


def _download(entry: Published, raw: Path, *, opener: _Open, progress: Callable[[int, int], None] | None) -> None:
    with opener(entry.url, timeout=_TIMEOUT_S) as answer, writing(raw) as file:
        headers = getattr(answer, "headers", None) or {}
        total = int(headers.get("Content-Length") or 0)
        came = 0
        while chunk := answer.read(_CHUNK):
            came += len(chunk)
            if came > LARGEST:
                raise LimitExceeded("LARGE_WEIGHTS", entry.url, f"more than {LARGEST} bytes came", "get the file by hand and look at it")
            file.write(chunk)
            if progress is not None:
                progress(came, total)
        if total and came != total:
            raise UnreadableInput("TRUNCATED", entry.name, f"{came} of {total} bytes came", "try again")


def _how(entry: Published, folder: Path) -> str:
    return f"run sagittal weights get {entry.name}, or {entry.by_hand(folder)}, or set model.pretrained: null to start from nothing"
