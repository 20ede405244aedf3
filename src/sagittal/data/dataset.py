"""From cases to samples: addressed by epoch and index, the same whoever asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sagittal.core.annotation import Annotation
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.core.window import Window
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest
from sagittal.data.prepared import Made, Prepared, name_of
from sagittal.data.ready import Ready
from sagittal.data.streams import GEOMETRIC, INTENSITY, WINDOW
from sagittal.errors import said_of
from sagittal.io.guard import Limits
from sagittal.ops.overview import small_grid
from sagittal.ops.positions import Positions, foreground
from sagittal.ops.randomness import generator
from sagittal.ops.scale import Scale
from sagittal.ops.warp import ReadMap, gather_labels
from sagittal.transforms._compose import Augmentation
from sagittal.windows._windowing import Selective, Windowing, seeing


class Preparer(Protocol):
    """What the dataset asks of the plan's preparation."""

    @property
    def crop(self) -> bool:
        """Whether the grid depends on what the image shows, not on its header alone."""
        ...

    @property
    def settles(self) -> bool:
        """Whether the values of a prepared case lie on its grid already."""
        ...

    @property
    def tissue(self) -> bool:
        """Whether tissue is looked for, which a prepared case on disk does not keep."""
        ...

    def grid(self, source: Geometry) -> Geometry:
        """Where the network sees a source, before it is cut to its content."""
        ...

    def ready(self, image: Image, *, finest: float = 1.0) -> Ready:
        """The image prepared, for an augmentation that takes so much smaller steps at times."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a task asks, as functions that a worker process can be sent; ``plain`` where ``target`` changes nothing."""

    encode: Callable[[Annotation, Geometry], NDArray[Any]]
    target: Callable[[NDArray[Any], Labels], NDArray[Any]]
    dense: bool
    plain: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """The address of a sample; its random numbers depend on epoch and index alone.

    Args:
        epoch: From 0 on.
        index: Of the sample; networks side by side that draw their own have other indices of the same samples.
        weight: 0 leaves it out.
        draw: For which network it is drawn.
    """

    epoch: int
    index: int
    weight: float = 1.0
    draw: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What the model sees of one window: ``image`` is ``(C, *shape)`` float32."""

    image: NDArray[np.float32]
    target: NDArray[Any]
    id: str
    key: Key


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """A sample before it is read: whoever reads it draws its intensities from the key, and folds it where windows are thin.

    Args:
        values: ``(C, *source)``, what the map needs.
        onto: The map into them.
        scale: From the values to what enters the network.
        target: As the loss wants it; None where it is read from ``labels``.
        labels: ``(*source)``; None where the target is finished.
        labels_onto: The map into them; the same object as ``onto`` where the two are one.
        id: Of the case.
        key: Of the sample.
    """

    values: NDArray[Any]
    onto: ReadMap
    scale: Scale
    target: NDArray[Any] | None
    labels: NDArray[Any] | None
    labels_onto: ReadMap | None
    id: str
    key: Key


@dataclass(kw_only=True, slots=True)
class _Loaded:
    """A prepared case; ``encoded`` is what is asked of it, drawn on ``drawn``, and ``where`` its objects lie once someone asked.

    Of a slide nothing is drawn before a window is asked for. ``windowing`` knows where it has tissue.
    """

    ready: Ready
    said: Annotation | None
    encoded: NDArray[Any] | None
    drawn: Geometry
    windowing: Windowing
    where: Positions | None = None

    @property
    def annotation(self) -> Annotation:
        """What was said of the case.

        Raises:
            ValueError: It is drawn already, and only that was kept.
        """
        if self.said is None:
            raise ValueError("what was said of a case is not kept beside what is drawn of it")
        return self.said


@dataclass(kw_only=True)
class CaseSamples(torch.utils.data.Dataset[Sample]):
    """Samples of cases, addressed by :class:`Key`.

    Args:
        cases: In order.
        manifest: To which they belong.
        preparation: From the plan.
        question: Of the task.
        windowing: What is seen at once.
        augmentation: None for validation.
        varied: How samples that every second network draws are changed instead; None where all are changed alike.
        seed: Of the run.
        cache_bytes: How much decoded data each process may keep.
        limits: For reading.
        store: Prepared cases on disk; None prepares them again in every process.
        cover: Take the windows that cover a case, not drawn ones.
        rounds: How often an epoch goes through the samples, with other random numbers each time.
    """

    cases: Sequence[Case]
    manifest: Manifest
    preparation: Preparer
    question: Question
    windowing: Windowing
    augmentation: Augmentation | None
    seed: int
    cache_bytes: int = 1 << 30
    limits: Limits | None = None
    store: Prepared | None = None
    cover: bool = False
    rounds: int = 1
    varied: Augmentation | None = None
    _kept: dict[int, _Loaded] = field(default_factory=dict, repr=False)
    _free: int = field(default=-1, repr=False)
    _items: list[tuple[int, int]] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Workers start with an empty cache."""
        return {**self.__dict__, "_kept": {}, "_free": -1}

    @property
    def items(self) -> list[tuple[int, int]]:
        """``(case, draw)`` of every sample of an epoch; reads the headers once where a case gives several."""
        if self._items is None:
            self._items = [(n, draw) for n in range(len(self.cases)) for draw in range(self._draws(n))]
        return self._items

    def _draws(self, number: int) -> int:
        if self.windowing.one:
            return 1
        windowing = self.windowing
        if self.preparation.crop or isinstance(windowing, Selective):
            loaded = self._load(number)
            grid, windowing = loaded.ready.grid, loaded.windowing
        else:
            grid = self.preparation.grid(image_of(self.cases[number], self.manifest, limits=self.limits).geometry)
        return len(windowing.cover(grid)) if self.cover else windowing.draws(grid)

    def __len__(self) -> int:
        return len(self.items) * self.rounds

    def case_of(self, index: int) -> Case:
        """The case of a sample."""
        return self.cases[self.items[index % len(self.items)][0]]

    def __getitem__(self, key: Key) -> Sample:
        """The sample of a key."""
        case, loaded, place, seen = self._place(key)
        ready, thin = loaded.ready, self.windowing.thin
        onto = self._map(ready.geometry, seen, key)
        if loaded.encoded is not None and onto is not None and thin is None and loaded.drawn is ready.geometry:
            unit, encoded = ready.pair(loaded.encoded, onto)
        else:
            unit, encoded = None, self._encoded(loaded, place, key)
        image = self._image(ready, seen, onto, unit, key)
        if thin is not None:
            image, encoded = thin.fold(image), thin.flat(encoded)
        return Sample(image=image, target=self.question.target(encoded, self.manifest.labels), id=case.id, key=key)

    def unread(self, key: Key) -> Unread:
        """The sample of a key before it is read."""
        case, loaded, place, seen = self._place(key)
        ready, thin = loaded.ready, self.windowing.thin
        onto = self._onto(ready.geometry, seen, key)
        values, into = ready.near(onto)
        target: NDArray[Any] | None = None
        labels, labels_into = None, None
        if loaded.encoded is None or not self.question.plain:
            encoded = self._encoded(loaded, place, key)
            target = self.question.target(encoded if thin is None else thin.flat(encoded), self.manifest.labels)
        else:
            on = onto if place is seen and loaded.drawn is ready.geometry else self._onto(loaded.drawn, place, key)
            window = on.window(loaded.encoded.shape)
            labels, labels_into = loaded.encoded[window.slices], on.within(window)
            if on is onto and values.shape[1:] == labels.shape and np.array_equal(into.affine, labels_into.affine):
                labels_into = into
        return Unread(
            values=values, onto=into, scale=ready.scale, target=target, labels=labels, labels_onto=labels_into, id=case.id, key=key
        )

    def _place(self, key: Key) -> tuple[Case, _Loaded, Geometry, Geometry]:
        """The case of a key, where its window lies, and what the network sees of it."""
        number, draw = self.items[key.index % len(self.items)]
        loaded = self._load(number)
        grid, thin = loaded.ready.grid, self.windowing.thin
        place = grid if self.windowing.one else grid.at(self._window(loaded, draw, key))
        return self.cases[number], loaded, place, place if thin is None else thin.seen(place)

    def _onto(self, source: Geometry, place: Geometry, key: Key) -> ReadMap:
        """Where a place is read from this time; straight ahead without augmentation."""
        onto = self._map(source, place, key)
        return onto or ReadMap(shape=place.shape, affine=place.index_map(source))

    @property
    def ways(self) -> tuple[Augmentation | None, ...]:
        """How samples are changed; networks side by side take turns in them."""
        return (self.augmentation,) if self.varied is None else (self.augmentation, self.varied)

    def _changes(self, key: Key) -> Augmentation | None:
        """How the sample of a key is changed."""
        return self.ways[key.draw % len(self.ways)]

    def _map(self, source: Geometry, place: Geometry, key: Key) -> ReadMap | None:
        """Where a place is read from this time; None where it stays as it is."""
        changes = self._changes(key)
        if changes is None:
            return None
        if place.axes == 0:
            changes.check(place.axes)
            return None
        rng, thin = generator(self.seed, key.epoch, key.index, GEOMETRIC), self.windowing.thin
        if thin is None:
            return changes.read_map(source, place, rng)
        plane = thin.plane(place)
        return thin.lifted(changes.read_map(plane, plane, rng), place, source)

    def _encoded(self, loaded: _Loaded, place: Geometry, key: Key) -> NDArray[Any]:
        """What is asked of a place."""
        if loaded.encoded is None and not self._drawn_late(loaded):
            return self.question.encode(loaded.annotation, place)
        # The same key again: one draw of the augmentation, seen from the image's grid and from the target's.
        onto = self._onto(loaded.drawn, place, key)
        if loaded.encoded is not None:
            return gather_labels(loaded.encoded, onto)
        # Of a slide only the part that is read is drawn.
        window = onto.window(loaded.drawn.shape)
        return gather_labels(self.question.encode(loaded.annotation, loaded.drawn.at(window)), onto.within(window))

    def _drawn_late(self, loaded: _Loaded) -> bool:
        """Whether what is asked of each sample is drawn window by window: of slides."""
        return self.question.dense and loaded.ready.lazy

    def _image(
        self, ready: Ready, place: Geometry, onto: ReadMap | None, unit: NDArray[np.float32] | None, key: Key
    ) -> NDArray[np.float32]:
        """What enters the network; ``unit`` are the values before that where they were read already."""
        changes = self._changes(key)
        if changes is None or not changes.intensity:
            return ready.see(place, onto) if unit is None else ready.normalise(unit)
        unit = ready.unit(place, onto) if unit is None else unit
        image = changes.intensities(unit, generator(self.seed, key.epoch, key.index, INTENSITY))
        return np.ascontiguousarray(ready.normalise(image))

    def _window(self, loaded: _Loaded, draw: int, key: Key) -> Window:
        grid, windowing = loaded.ready.grid, loaded.windowing
        if self.cover:
            return windowing.cover(grid)[draw]
        if loaded.where is None and not windowing.fixed:
            if loaded.encoded is not None:
                loaded.where = foreground(loaded.encoded, rng=generator(self.seed, WINDOW))
            elif self._drawn_late(loaded):
                coarse = self.question.encode(loaded.annotation, small_grid(loaded.drawn))
                loaded.where = foreground(coarse, rng=generator(self.seed, WINDOW)).onto(loaded.drawn.shape)
        return windowing.draw(grid, draw, generator(self.seed, key.epoch, key.index, WINDOW), loaded.where)

    def _load(self, number: int) -> _Loaded:
        if number in self._kept:
            return self._kept[number]
        case = self.cases[number]
        if self.store is not None:
            found = self.store.get(name_of(case, self.manifest))
            if found is not None:
                # Memory-mapped: the system keeps what is read often, and nothing is copied here.
                ready, encoded = found
                said = self.manifest.annotation(case, like=ready.geometry) if encoded is None else None
                self._kept[number] = _Loaded(ready=ready, said=said, encoded=encoded, drawn=ready.geometry, windowing=self.windowing)
                return self._kept[number]
        loaded = self._prepare(case)
        ready, encoded = loaded.ready, loaded.encoded
        size = ready.nbytes + (0 if encoded is None else encoded.nbytes)
        self._free = self.cache_bytes if self._free < 0 else self._free
        if size <= self._free:
            self._free -= size
            self._kept[number] = loaded
        return loaded

    def _prepare(self, case: Case) -> _Loaded:
        image = image_of(case, self.manifest, limits=self.limits)
        finest = min(1.0 if way is None else way.finest(image.geometry.axes) for way in self.ways)
        with said_of(case.id):
            ready = self.preparation.ready(image, finest=finest)
        said = self.manifest.annotation(case, like=image.geometry)
        drawn = ready.geometry if self.preparation.settles else ready.grid
        windowing = seeing(self.windowing, ready.tissue)
        if not self.question.dense or drawn.axes == 0 or ready.lazy:
            return _Loaded(ready=ready, said=said, encoded=None, drawn=drawn, windowing=windowing)
        return _Loaded(ready=ready, said=None, encoded=self.question.encode(said, drawn), drawn=drawn, windowing=windowing)

    def prepare(self, number: int) -> bool:
        """Put a case into the store unless it is there already; whether it was done. Slides are read where they lie."""
        case = self.cases[number]
        if self.store is None or self.preparation.tissue or image_of(case, self.manifest, limits=self.limits).tiled:
            return False

        def make() -> Made:
            loaded = self._prepare(case)
            return loaded.ready, loaded.encoded

        return self.store.ensure(name_of(case, self.manifest), make)
