"""A JPEG to a normalised 224 crop: resized crop, rotation and flip, ours against the chains in use.

Chains take turns by batches, since whoever loads data makes the samples of a batch one after the other, and nobody else's
in between: taking turns by single pictures would tell how fast each comes back into the processor's caches.
Pictures are drawn here (layers under speckle, as in retina OCT, at the file size of the real ones), or taken
from a folder of JPEG files that is given.
Grey files are met by peers in two ways, each in a row of its own: read as grey, and as RGB, which is how their tutorials read
every file. We read grey as grey against both; the second way is three times the pixels, and the figures do not mix them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image as Pillow

from benchmarks.measure import Contest, Row, compare
from sagittal import io
from sagittal.core.case import Case
from sagittal.core.labels import Labels
from sagittal.data.dataset import CaseSamples, Key, Question
from sagittal.data.manifest import Manifest
from sagittal.engine.prepare import Preparation
from sagittal.ops.randomness import generator
from sagittal.ops.warp import ReadMap, gather
from sagittal.tasks.classification import classification
from sagittal.transforms._compose import Augmentation
from sagittal.windows.whole import whole

SIZE = (224, 224)
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALE, RATIO, DEGREES = (0.8, 1.0), (3 / 4, 4 / 3), 15
SPECKLE, QUALITY = 0.65, 75
BATCH = 8
AUGMENT = Augmentation.of({"resized_crop": {"scale": SCALE, "ratio": RATIO}, "rotate": DEGREES, "flip": "horizontal"})


@dataclass(frozen=True)
class Chain:
    """A way in two steps: decode a file, then make a sample of it on the n-th turn."""

    load: Callable[[Path], object]
    sample: Callable[[object, int], object]

    def whole(self, path: Path, turn: int) -> object:
        return self.sample(self.load(path), turn)

    def kept(self, paths: list[Path]) -> Callable[[Path, int], object]:
        """From the second epoch on, where decoded pictures are kept in memory."""
        decoded = {path: self.load(path) for path in paths}
        return lambda path, turn: self.sample(decoded[path], turn)


def rows(*, turns: int = 21, folder: Path | None = None) -> list[Row]:
    """Every contest of this file."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    found = []
    with tempfile.TemporaryDirectory() as place:
        asked_of_grey = {"albumentations": 2.0, "albumentations, grey as RGB": 2.0, "PIL chain, grey as RGB": 4.0}
        for path, kind, shape, targets in (
            ("512x496 grey", "grey", (496, 512), asked_of_grey),
            ("512x496 colour", "colour", (496, 512), {"albumentations": 1.4, "PIL chain": 3.0}),
            ("2048x2048 grey", "grey", (2048, 2048), {"albumentations": 1.5}),
        ):
            n = 24 if shape[0] < 1000 else 4
            files = _given(folder, kind, shape) if folder else [_drawn(Path(place), kind, shape, i) for i in range(n)]
            if not files:
                continue
            colour = kind == "colour"
            batches = [tuple(files[i : i + BATCH]) for i in range(0, len(files) - len(files) % BATCH or len(files), BATCH)]
            peers = {name: made for name, make in PEERS.items() if (made := make(colour)) is not None}
            off = _off(files[:4], colour)
            for begin, asked, again in (("jpeg", targets, False), ("kept", {}, True)):
                ways = {name: by_batch(peer.kept(files) if again else peer.whole) for name, peer in peers.items()}
                contest = Contest(
                    path=f"{begin} {path}",
                    inputs=batches,
                    ours=by_batch(ours(files, colour, keep=again)),
                    peers=ways,
                    targets=asked,
                    off=off,
                    samples=len(batches[0]),
                )
                found += compare(contest, turns=turns)
    return found


def by_batch(way: Callable[[Path, int], object]) -> Callable[[tuple[Path, ...], int], None]:
    """The samples of a batch one after the other."""

    def batch(paths: tuple[Path, ...], turn: int) -> None:
        for path in paths:
            way(path, turn)

    return batch


def ours(files: list[Path], colour: bool, *, keep: bool = False) -> Callable[[Path, int], object]:
    """What training asks of its dataset: a sample of a case in an epoch, from the file to the tensor.

    From its second epoch on, as peers are timed too: what a file's header says is known then, while the file stays as it is.

    Args:
        files: The cases.
        colour: Three channels.
        keep: Decoded pictures stay in memory, as they do while they fit.
    """
    number = {path: n for n, path in enumerate(files)}
    cases = tuple(Case(id=path.stem, images={"image": str(path)}, label="a", split="train") for path in files)
    samples = CaseSamples(
        cases=cases,
        manifest=Manifest(cases=cases, labels=Labels(classes=("a", "b")), root=Path(), provenance={"said": "label"}),
        preparation=preparation(colour),
        question=Question(encode=classification.encode, target=classification.target, dense=False),
        windowing=whole(),
        augmentation=AUGMENT,
        seed=0,
        cache_bytes=1 << 30 if keep else 0,
    )
    return lambda path, turn: torch.from_numpy(samples[Key(epoch=turn, index=number[path])].image)


def preparation(colour: bool) -> Preparation:
    """From 0..255 to a normalised crop."""
    n = 3 if colour else 1
    return Preparation(axes=2, size=SIZE, channels="rgb" if colour else "grey", high=(255.0,), mean=MEAN[:n], std=SD[:n])


def albumentations(colour: bool) -> Chain | None:
    """With its defaults: linear, no antialiasing."""
    try:
        import albumentations as peer
    except ImportError:
        return None
    channels = 3 if colour else 1
    chain = peer.Compose(
        [
            peer.RandomResizedCrop(size=SIZE, scale=SCALE, ratio=RATIO, p=1.0),
            peer.Rotate(limit=DEGREES, p=1.0),
            peer.HorizontalFlip(p=0.5),
            peer.Normalize(mean=MEAN[:channels], std=SD[:channels]),
        ]
    )

    def load(path: Path) -> np.ndarray:
        return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE)

    def sample(picture: np.ndarray, turn: int) -> torch.Tensor:
        seen = chain(image=picture if colour else picture[..., None])["image"]
        return torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))

    return Chain(load, sample)


def albumentations_rgb(colour: bool) -> Chain | None:
    """On grey files as its documentation reads them: ``cv2.imread`` gives three channels unless told otherwise."""
    return None if colour else albumentations(colour=True)


def pil_chain(colour: bool) -> Chain:
    """Step by step as torchvision's RandomResizedCrop, RandomRotation, RandomHorizontalFlip, ToTensor, Normalize do it."""
    channels = 3 if colour else 1
    mean, sd = torch.tensor(MEAN[:channels]).view(-1, 1, 1), torch.tensor(SD[:channels]).view(-1, 1, 1)

    def load(path: Path) -> Pillow.Image:
        with Pillow.open(path) as opened:
            return opened.convert("RGB" if colour else "L")

    def sample(picture: Pillow.Image, turn: int) -> torch.Tensor:
        rng = np.random.default_rng(turn)
        box = _crop(picture.size, rng)
        picture = picture.crop(box).resize(SIZE, Pillow.Resampling.BILINEAR)
        picture = picture.rotate(rng.uniform(-DEGREES, DEGREES), Pillow.Resampling.NEAREST)
        if rng.random() < 0.5:
            picture = picture.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)
        values = torch.from_numpy(np.array(picture)).view(*SIZE, channels).permute(2, 0, 1).contiguous()
        return values.to(torch.float32).div(255).sub_(mean).div_(sd)

    return Chain(load, sample)


def pil_tutorial(colour: bool) -> Chain | None:
    """The same chain as tutorials run it on grey files: ImageFolder turns every picture into RGB first."""
    return None if colour else pil_chain(colour=True)


def monai(colour: bool) -> Chain | None:
    """Array transforms, with antialiasing on, which is not its default."""
    try:
        from monai import transforms as peer
    except ImportError:
        return None
    channels = 3 if colour else 1
    mean, sd = np.array(MEAN[:channels]) * 255, np.array(SD[:channels]) * 255

    def sample(picture: torch.Tensor, turn: int) -> torch.Tensor:
        part = np.sqrt(np.random.default_rng(turn).uniform(*SCALE))
        cut = peer.RandSpatialCrop([int(s * part) for s in picture.shape[1:]], random_size=False)(picture)
        return chain(cut)

    reader = peer.LoadImage(reader="PILReader", image_only=True, ensure_channel_first=True)
    chain = peer.Compose(
        [
            peer.Resize(SIZE, mode="bilinear", anti_aliasing=True),
            peer.RandRotate(range_x=np.deg2rad(DEGREES), prob=1.0),
            peer.RandFlip(prob=0.5, spatial_axis=0),
            peer.NormalizeIntensity(subtrahend=mean, divisor=sd, channel_wise=True),
        ]
    )
    return Chain(lambda path: reader(str(path)), sample)


PEERS: dict[str, Callable[[bool], Chain | None]] = {
    "albumentations": albumentations,
    "albumentations, grey as RGB": albumentations_rgb,
    "PIL chain": pil_chain,
    "PIL chain, grey as RGB": pil_tutorial,
    "MONAI": monai,
}


def _crop(size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """The box of torchvision's RandomResizedCrop."""
    width, height = size
    for _ in range(10):
        area = width * height * rng.uniform(*SCALE)
        ratio = np.exp(rng.uniform(*np.log(RATIO)))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            return x, y, x + w, y + h
    return 0, 0, width, height


def _off(files: list[Path], colour: bool) -> float:
    """Mean distance of our pixels from an exact antialiased reading of the full picture, in grey levels."""
    prepare = preparation(colour)
    errors = []
    for turn, path in enumerate(files):
        full = io.read(path)
        source, grid = prepare.source(full, finest=AUGMENT.finest(2)), prepare.grid(full.geometry)
        through = AUGMENT.read_map(source.geometry, grid, generator(turn))
        seen = gather(prepare.values(source), through)
        wanted = exact(prepare.values(full).astype(np.float64), AUGMENT.read_map(full.geometry, grid, generator(turn)))
        errors.append(np.abs(seen - wanted).mean())
    return float(np.mean(errors))


def exact(values: np.ndarray, through: ReadMap) -> np.ndarray:
    """Each pixel a tent-weighted mean around its place, as wide as a step of the map; float64, no shortcut."""
    at = through.source_of(np.moveaxis(np.indices(through.shape, dtype=np.float64), 0, -1))
    at = np.clip(at, 0, np.array(values.shape[1:]) - 1)
    taps = []
    for axis, size in enumerate(values.shape[1:]):
        half = max(1.0, through.reach[axis])
        places = np.floor(at[..., axis, None] - half) + np.arange(int(np.ceil(2 * half)) + 2)
        weights = np.maximum(0.0, 1.0 - np.abs(places - at[..., axis, None]) / half)
        taps.append((np.clip(places, 0, size - 1).astype(int), weights / weights.sum(axis=-1, keepdims=True)))
    (y, wy), (x, wx) = taps
    found = np.zeros((values.shape[0], *through.shape))
    for i in range(y.shape[-1]):
        for j in range(x.shape[-1]):
            found += values[:, y[..., i], x[..., j]] * (wy[..., i] * wx[..., j])
    return found


def _drawn(place: Path, kind: str, shape: tuple[int, int], number: int) -> Path:
    """Bright layers that undulate under speckle, at the JPEG quality of the published OCT set and its 0.17 bytes a pixel."""
    rng = np.random.default_rng([number, *shape])
    row, column = np.mgrid[: shape[0], : shape[1]] / min(shape)
    depth = row - 0.45 - 0.05 * np.sin(4 * column + rng.uniform(0, 6)) - 0.1 * (column - 0.5) ** 2
    layers = sum(np.exp(-(((depth - d) / 0.02) ** 2)) * b for d, b in ((0.0, 0.5), (0.08, 0.35), (0.17, 0.9), (0.21, 0.6)))
    speckle = cv2.GaussianBlur(rng.gamma(4.0, 0.25, shape), (0, 0), SPECKLE * shape[0] / 496)
    grey = np.clip(255 * (0.12 + 0.7 * layers) * speckle, 0, 255).astype(np.uint8)
    path = place / f"{kind}-{shape[0]}-{number}.jpg"
    picture = cv2.applyColorMap(grey, cv2.COLORMAP_PINK) if kind == "colour" else grey
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return path


def _given(folder: Path | None, kind: str, shape: tuple[int, int]) -> list[Path]:
    """JPEG files of this kind and size in a folder of the user's."""
    found = []
    for path in sorted(folder.rglob("*.jp*g")) if folder else []:
        with Pillow.open(path) as opened:
            if opened.size[::-1] == shape and (opened.mode == "RGB") == (kind == "colour"):
                found.append(path)
    return found
