"""Memory that is no longer needed, given back."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["release"]


def release() -> None:
    """Give back to the system what Arrow keeps of columns that are no longer there."""
    pa.default_memory_pool().release_unused()
