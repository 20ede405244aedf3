"""A frozen trunk computes each picture's features once; only the head is trained on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sagittal.data.batch import Batch
from sagittal.data.batches import Batches
from sagittal.data.dataset import Key
from sagittal.models._network import Network
from sagittal.models._precision import Fast, fast


class OnFeatures(nn.Module):
    """A network whose input are its trunk's features; it has the network's own weights and names."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """The head's answer to features ``(B, ...)``."""
        answer: Tensor = self.network.head(features)
        return answer

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """The whole network's weights, so that a checkpoint is one of the network."""
        return dict(self.network.state_dict(*args, **kwargs))

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
        """The counterpart of :meth:`state_dict`."""
        return self.network.load_state_dict(state_dict, *args, **kwargs)


class FeatureBatches:
    """Batches of features instead of pictures, in the same order.

    The features of view ``v`` are those of epoch ``v``'s augmentation; epoch ``e`` trains on view ``e % views``.
    They lie in a temporary file that is mapped into memory, not in memory itself.

    Args:
        batches: Of pictures.
        network: Whose trunk is frozen.
        views: How many augmented views each picture has; 1 without augmentation.
        device: Where the trunk computes.
    """

    def __init__(self, batches: Batches, network: Network, *, views: int, device: torch.device) -> None:
        self._batches = batches
        self._network = network
        self._views = views
        self._device = device
        self._folder = tempfile.TemporaryDirectory(prefix="sagittal-features-", ignore_cleanup_errors=True)
        self._kept: dict[int, tuple[NDArray[np.float32], Tensor]] = {}
        self._fast: Fast | None = None

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from the ``start``-th on."""
        features, targets = self._view(epoch % self._views)
        order, size = self._batches.order.of(epoch), self._batches.size
        samples = self._batches.samples
        for a in range(start * size, len(order), size):
            group = order[a : a + size]
            shared = group[self._batches.rank :: self._batches.ranks]
            index, weight = (shared, 1.0) if len(shared) else (group[:1], 0.0)
            yield Batch(
                images=torch.from_numpy(np.array(features[index])),
                targets=targets[torch.from_numpy(np.asarray(index))],
                weights=torch.full((len(index),), weight),
                ids=[samples.case_of(i).id for i in index],
            )

    def close(self) -> None:
        """Give the temporary file back, and the worker processes."""
        self._kept.clear()
        self._folder.cleanup()
        self._batches.close()

    def _view(self, view: int) -> tuple[NDArray[np.float32], Tensor]:
        if view not in self._kept:
            self._kept[view] = self._compute(view)
        return self._kept[view]

    def _way(self, group: list[Key]) -> Fast:
        """How the trunk is asked: decided on samples of the first view, also by a run that was resumed at another."""
        if self._fast is None:
            first = [Key(epoch=0, index=key.index) for key in group]
            (batch,) = self._batches.of_keys([first])
            self._fast = fast(self._network.trunk, batch.images.to(self._device), whole=self._network)
        return self._fast

    @torch.inference_mode()
    def _compute(self, view: int) -> tuple[NDArray[np.float32], Tensor]:
        """The features of all samples, mapped from a file, and their targets."""
        n, size = len(self._batches.samples), min(self._batches.size, 16)
        if n == 0:
            raise ValueError("there is no sample to compute features of")
        keys = [[Key(epoch=view, index=i) for i in range(a, min(a + size, n))] for a in range(0, n, size)]
        self._network.eval()
        way = self._way(keys[0])
        out: NDArray[np.float32] | None = None
        targets = []
        done = 0
        for batch in self._batches.of_keys(keys):
            found = way(batch.images.to(self._device)).float().cpu().numpy()
            if out is None:
                path = Path(self._folder.name) / f"view{view}-{n}.npy"
                out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, *found.shape[1:]))
            out[done : done + len(found)] = found
            done += len(found)
            targets.append(batch.targets.clone())
        if out is None:
            raise ValueError("the batches are empty")
        return out, torch.cat(targets)
