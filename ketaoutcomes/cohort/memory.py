"""Memory that is no longer needed, given back to the system."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import pyarrow as pa

__all__ = ["release"]


def release() -> None:
    """Give back what Arrow and the C library keep of columns that are no longer there."""
    pa.default_memory_pool().release_unused()
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim():
    """Return the C library's own function for that, which only that of GNU has; None elsewhere."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
