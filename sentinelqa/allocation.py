"""Where a process gets the memory for its tables from."""

from __future__ import annotations

import os


def share_memory() -> None:
    """Have Arrow take memory from the C library, as Python does, unless the user chose otherwise.

    What one of them lets go then serves the other, and large pieces go back to the system at once;
    an allocator of Arrow's own keeps tens of megabytes. Arrow looks once, when it is imported: this
    is for programs of our own, before they do anything.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
