"""For maintainers: write the hashes of shipped models into the registry, and all cards into the
manual.

Run from a checkout, after the files of a shipped model, or the registry, have changed::

    python -m sentinelqa.weights.pin starter starter-clip
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from sentinelqa.errors import ModelError
from sentinelqa.files import write_atomically
from sentinelqa.shipped import shipped
from sentinelqa.weights.cards import insert
from sentinelqa.weights.catalogue import find, read_registry, registry_path
from sentinelqa.weights.formats import refuse_unsafe
from sentinelqa.weights.hashing import manifest_of, sha256_of
from sentinelqa.weights.locating import files_of


def pin(models: Sequence[str], registry: Path | None = None) -> dict[str, str]:
    """Hash the files of shipped models and rewrite their entries, keeping every comment.

    Returns:
        model -> its manifest's hash.

    Raises:
        ModelError: unknown, not shipped, not here, or holding a pickled file.
    """
    path = registry or registry_path()
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(path.read_text(encoding="utf-8"))
    pinned = {}
    for name in models:
        files = _hashes(name)
        document["models"][name]["files"] = files
        pinned[name] = manifest_of({n: str(f["sha256"]) for n, f in files.items()})
    text = io.StringIO()
    yaml.dump(document, text)
    write_atomically(path, text.getvalue().encode())
    read_registry(path)
    return pinned


def _hashes(name: str) -> dict[str, dict[str, object]]:
    source = find(name).source
    if source.kind != "shipped":
        raise ModelError(f"model {name!r} does not ship with this repository", where=source.kind)
    root = shipped(source.path)
    files = files_of(root) if root.is_dir() else ()
    if not files:
        raise ModelError(f"model {name!r} is not here", where=str(root))
    refuse_unsafe(files, model=name, where=root)
    return {
        file: {"sha256": sha256_of(root / file), "size": (root / file).stat().st_size}
        for file in files
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m sentinelqa.weights.pin", description=__doc__)
    parser.add_argument("models", nargs="*", help="ids of shipped models")
    for name, digest in pin(parser.parse_args().models).items():
        print(f"{name}  {digest}")  # noqa: T201 - a command's output
    manual = registry_path().parents[1] / "docs" / "models.md"
    write_atomically(manual, insert(manual.read_text(encoding="utf-8")).encode())


if __name__ == "__main__":
    main()
