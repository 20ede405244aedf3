"""What a run writes about itself: ``log.csv``, ``speed.csv`` and TensorBoard events.

``log.csv`` holds what a run computes: a resumed run's is equal to the undisturbed one's, byte for byte. What
the clock says is in ``speed.csv``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sagittal.engine.examples import as_tensor
from sagittal.engine.shown import View
from sagittal.io.atomic import storage
from sagittal.io.writers import csv as table

_SHOWN, _LEAST_PX = 16, 256


def write_rows(path: Path, rows: Sequence[Mapping[str, float | None]]) -> None:
    """Write a table, whole or not at all; the columns are those of all rows, in the order they come up.

    Raises:
        StorageFailure: It cannot be written.

    >>> write_rows(getfixture("tmp_path") / "log.csv", [{"epoch": 0, "val_auc": None}, {"epoch": 1, "val_auc": 0.5}])
    >>> print((getfixture("tmp_path") / "log.csv").read_text())
    epoch,val_auc
    0,
    1,0.5
    <BLANKLINE>
    """
    table.write_rows(path, list(dict.fromkeys(name for row in rows for name in row)), rows)


class Events:
    """TensorBoard events of a run; everything is drawn over the number of steps.

    Args:
        folder: Where they go; None writes none.
        step: The step from which on earlier events, of a run that was killed, no longer count.
    """

    def __init__(self, folder: Path | None, *, step: int) -> None:
        self._folder = folder
        self._writer: Any = None
        if folder is not None:
            # imported here: it takes a second
            from torch.utils.tensorboard import SummaryWriter

            with storage(folder):
                self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def numbers(self, row: Mapping[str, float | None], *, step: int) -> None:
        """Curves: ``val_loss`` becomes ``val/loss``, and ``val_dice:GM`` becomes ``val/dice/GM``."""
        if self._writer is not None and self._folder is not None:
            with storage(self._folder):
                for name, value in row.items():
                    if value is not None:
                        self._writer.add_scalar(name.replace("_", "/", 1).replace(":", "/", 1), value, step)

    def images(self, name: str, values: Tensor, view: View, *, step: int) -> None:
        """Some images, ``(n, C, *shape)``, side by side as a person sees them; nothing for a table."""
        if self._writer is not None and values.dim() > 3:
            seen = [as_tensor(view(one)) for one in middle(values[:_SHOWN].detach().float().cpu()).numpy()]
            self.pictures(name, torch.stack(seen), step=step)

    def pictures(self, name: str, values: Tensor, *, step: int) -> None:
        """The same of any values: :func:`sheet`, with small ones enlarged."""
        if self._writer is not None and self._folder is not None and values.dim() > 3:
            pixels = sheet(values[:_SHOWN])
            zoom = max(1, _LEAST_PX // max(pixels.shape))
            with storage(self._folder):
                self._writer.add_image(name, pixels.repeat_interleave(zoom, dim=1).repeat_interleave(zoom, dim=2), step)

    def picture(self, name: str, pixels: Tensor, *, step: int) -> None:
        """One picture ``(3, H, W)`` of bytes."""
        if self._writer is not None and self._folder is not None:
            with storage(self._folder):
                self._writer.add_image(name, pixels, step)

    def close(self) -> None:
        """Write out what is left."""
        if self._writer is not None and self._folder is not None:
            with storage(self._folder):
                self._writer.close()


def sheet(values: Tensor) -> Tensor:
    """A contact sheet: ``(n, C, *shape) -> (1 or 3, H, W)`` uint8; of a volume its middle slice.

    Bytes stay what they are, anything else is scaled to its own range.

    >>> sheet(torch.zeros(5, 1, 4, 6)).shape
    torch.Size([1, 11, 22])
    """
    values = middle(values.detach().cpu())
    values = values[:, :3] if values.shape[1] >= 3 else values[:, :1]
    pictures = values if values.dtype == torch.uint8 else _stretched(values.float())
    n, channels, height, width = pictures.shape
    across = math.ceil(math.sqrt(n))
    down = math.ceil(n / across)
    # a pixel of background around each
    out = torch.zeros(channels, down * (height + 1) + 1, across * (width + 1) + 1, dtype=torch.uint8)
    for i, picture in enumerate(pictures):
        y, x = (i // across) * (height + 1) + 1, (i % across) * (width + 1) + 1
        out[:, y : y + height, x : x + width] = picture
    return out


def middle(values: Tensor) -> Tensor:
    """Pictures ``(n, C, H, W)``; of volumes the middle slices along the first axis.

    >>> middle(torch.zeros(2, 1, 5, 4, 6)).shape
    torch.Size([2, 1, 4, 6])
    """
    while values.dim() > 4:
        values = values[:, :, values.shape[2] // 2]
    return values


def _stretched(values: Tensor) -> Tensor:
    low, high = values.amin(dim=(1, 2, 3), keepdim=True), values.amax(dim=(1, 2, 3), keepdim=True)
    return ((values - low) / (high - low).clamp(min=1e-12) * 255).to(torch.uint8)
