"""How much memory an answer takes, and whether a larger window would give the same one; nothing is computed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sagittal.models._network import Network

_NEIGHBOURS = frozenset(
    {"_prelu_kernel", "convolution", "max_pool", "avg_pool", "upsample_", "constant_pad_nd", "pad", "reflection_pad", "replication_pad"}
)
_SHAPES = frozenset(
    {"empty", "zeros", "ones", "cat", "slice", "split", "unbind", "select", "narrow", "alias", "detach", "clone", "_to_copy"}
)
_VIEWS = frozenset({"view", "_unsafe_view", "reshape", "permute", "transpose", "unsqueeze", "squeeze", "expand", "chunk", "stack"})
_KNOWN = _NEIGHBOURS | _SHAPES | _VIEWS


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """What a forward pass holds.

    Args:
        peak: Bytes of all tensors that are alive at the same time, at most; weights left out.
        local: Every answer depends on its neighbourhood only, so that a larger window gives the same answers away from its
            borders. Instance, group and layer norm, global pooling and dense layers look at the whole window.
        why: The operation that does, where there is one.
    """

    peak: int
    local: bool
    why: str = ""


def footprint(network: Network, shape: Sequence[int], *, activate: Callable[[Tensor], Tensor] = torch.clone) -> Footprint:
    """The footprint of one window of this shape ``(*shape)``, its input and its activated answer included.

    Runs on shapes alone, as :func:`sagittal.models._summary.summary` does, and is the same on every machine. What a
    backend sets aside beside the tensors is not in it: about a fifth more on a CPU.

    Raises:
        UsageError: The network cannot take the shape.

    >>> from sagittal.models.unet import unet
    >>> small, large = (footprint(unet(channels=1, outputs=2, widths=(4, 8)), (n, n)) for n in (32, 64))
    >>> small.local, round(large.peak / small.peak)
    (True, 4)
    >>> footprint(unet(channels=1, outputs=2, widths=(4, 8), norm="instance"), (32, 32)).local
    False
    """
    network.check(shape)
    # Not inference_mode: there composite operations would arrive whole, and hide what they are made of.
    with _shapes_of(network, training=False) as weights, torch.no_grad(), _Watch() as watch:
        answer = activate(_answer(network, weights, shape))
        del answer
    return Footprint(peak=watch.peak, local=not watch.far, why=watch.far)


def training_bytes(network: Network, shape: Sequence[int]) -> int:
    """Bytes of all tensors that are alive at the same time while one window ``(*shape)`` is learned from, forwards and backwards.

    Of networks that learn side by side each learns from one. Weights are left out, their gradients are in it.
    As :func:`footprint`, on shapes alone.

    Raises:
        UsageError: The network cannot take the shape.

    >>> from sagittal.models.unet import unet
    >>> net = unet(channels=1, outputs=2, widths=(4, 8))
    >>> training_bytes(net, (64, 64)) > 2 * footprint(net, (64, 64)).peak
    True
    """
    network.check(shape)
    with _shapes_of(network, training=True) as weights, torch.enable_grad(), _Watch() as watch:
        # two, for norms that measure a batch want more than one number
        answer = _answer(network, weights, shape, windows=2 * network.learners)
        torch.autograd.backward([part.sum() for part in tree_leaves(answer)])
        del answer
    return int(watch.peak) // 2


@contextmanager
def _shapes_of(network: nn.Module, *, training: bool) -> Iterator[Mapping[str, Tensor]]:
    """Its weights as shapes alone, while all modules train, or none; they do afterwards what they did before."""
    modes = {module: module.training for module in network.modules()}
    learned = dict(network.named_parameters())
    try:
        network.train(training)
        yield {k: v.detach().to("meta").requires_grad_(k in learned) for k, v in network.state_dict(keep_vars=True).items()}
    finally:
        for module, mode in modes.items():
            module.training = mode


def _answer(network: nn.Module, weights: Mapping[str, Tensor], shape: Sequence[int], *, windows: int = 1) -> Tensor:
    channels: Any = network.channels
    found: Tensor = functional_call(network, dict(weights), (torch.empty(windows, channels, *shape, device="meta"),))
    return found


class _Watch(TorchDispatchMode):
    """Adds up the storages that are alive, and notes the first operation that looks farther than its neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.far = ""
        self._alive: dict[int, object] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not self.far and not _near(func, args):
            self.far = func.overloadpacket.__name__
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._hold(tensor.untyped_storage())
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return

        def released(_: object) -> None:
            self.now -= size
            self._alive.pop(key, None)

        self._alive[key] = weakref.ref(storage, released)
        self.now += size
        self.peak = max(self.peak, self.now)


def _near(func: Any, args: Sequence[Any]) -> bool:
    """Whether each result of an operation comes from a bounded neighbourhood."""
    name = func.overloadpacket.__name__
    if torch.Tag.pointwise in func.tags:
        return True
    if "batch_norm" in name:
        # Instance norm arrives as a batch norm in training: it measures what it is given.
        return not any(a is True for a in args)
    if name in {"_softmax", "_log_softmax", "index_select"}:
        return bool(args[1] == 1)
    if name == "index":
        # channels picked by number
        return all(index is None for axis, index in enumerate(args[1]) if axis != 1)
    return any(name == known or (known in _NEIGHBOURS and name.startswith(known)) for known in _KNOWN)
