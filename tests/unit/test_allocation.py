"""Memory of tables: that of the C library where the program is ours and the user said nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("chosen", "found"), [("", "system"), ("mimalloc", "mimalloc")])
def test_the_command_line_gives_arrow_the_memory_that_python_has(chosen: str, found: str) -> None:
    script = (
        "from sentinelqa.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "import pyarrow as pa; print(pa.default_memory_pool().backend_name)"
    )
    name = "ARROW_DEFAULT_MEMORY_POOL"
    environment = {k: v for k, v in os.environ.items() if k != name}
    if chosen:
        environment[name] = chosen
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split()[-1] == found
