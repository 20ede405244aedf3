"""Asking the processor for memory before it is needed, from within a kernel."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

READ, KEEP, DATA = 0, 3, 1
"""The arguments of LLVM's ``llvm.prefetch``: for reading, into every cache, not an instruction."""


def _prefetch(typing: Any, flat: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, given[0])
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(array.data, [given[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0"), [place, word(READ), word(KEEP), word(DATA)])
        return context.get_dummy_value()

    return types.void(flat, index), generate


prefetch: Any = intrinsic(_prefetch)
"""``prefetch(flat, index)`` starts loading an element of a flat array; an index off the array does no harm.

A patch of a volume lies in pieces of a few hundred bytes, far from one another: the processor's own guesses do not
reach the next piece, and a kernel would wait for each of them.
"""
