"""From the name of a model to verified files that may be loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sentinelqa.errors import ModelError
from sentinelqa.types import ModelUse
from sentinelqa.weights import catalogue
from sentinelqa.weights.formats import refuse_unsafe
from sentinelqa.weights.hashing import Verified, manifest_of
from sentinelqa.weights.licences import UNKNOWN, LicencePolicy
from sentinelqa.weights.locating import Located, files_of, locate, locate_hub
from sentinelqa.weights.schema import FILE_LOADERS, UNPINNED, Commercial, HubSource, ModelYaml

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_REVISION = re.compile(r"[0-9a-f]{40}")
_BY_SUFFIX = {".onnx": "onnx", ".tflite": "litert", ".dat": "dlib"}
LOADER_OF_TASK = {"text-to-image": "diffusers", "image-text": "open_clip"}
_BY_FILE = {
    "model_index.json": ("diffusers", "text-to-image"),
    "open_clip_config.json": ("open_clip", "image-text"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A model whose files are here, are what was pinned, and may be used.

    Attributes:
        id: as it was asked for.
        task: what it is for; empty for a local file that does not say.
        loader: what opens it; empty where the files do not say.
        path: the file of a model of one file (litert, dlib, onnx), else the folder.
        revision: a hub commit or a package's version; empty for shipped and local files.
        sha256: of the manifest: ``<sha256>  <name>`` per file, sorted by name.
        licence: its id; ``unknown`` where nobody says.
        source: where it came from, such as ``hub:owner/name@1234abcd5678``.
        pinned: whether it was known beforehand what the files must be.
    """

    id: str
    task: str
    loader: str
    path: Path
    revision: str
    sha256: str
    licence: str
    commercial: Commercial
    source: str
    pinned: bool

    def use(self) -> ModelUse:
        """What is recorded of it beside each measurement and image."""
        return ModelUse(id=self.id, sha256=self.sha256, licence=self.licence)


def resolve(
    model: str,
    *,
    task: str = "",
    revision: str = "",
    policy: LicencePolicy | None = None,
    allow_unpinned: bool = False,
) -> ResolvedModel:
    """Find, check and allow a model. Nothing is fetched and nothing is loaded.

    Args:
        model: a registered id, a local path, or a Hugging Face id (``owner/name``).
        task: what it is wanted for; empty for whatever it does.
        revision: of a Hugging Face id that is not registered: 40 hexadecimal digits.
        policy: the licences that are allowed; without one, all are.
        allow_unpinned: accept a model that was never pinned. Features do: whether theirs may be
            used was decided with the rubric, before the run.

    Raises:
        LicenceError: the policy does not allow it.
        ModelError: unknown, not here, of another task, unpinned, altered, or pickled.
        DependencyError: it comes with a package that is not installed.
    """
    policy = policy or LicencePolicy()
    registered = catalogue.read_registry().models
    if model in registered:
        return _registered(model, registered[model], task, policy, allow_unpinned)
    path = Path(model).expanduser()
    if path.exists():
        return _local(model, path, task, policy)
    if _HUB_ID.fullmatch(model) and not model.startswith((".", "~")):
        return _hub(model, task, revision, policy, allow_unpinned)
    raise ModelError(
        f"unknown model {model!r}: not registered, and there is no such path",
        remedy=catalogue.nearest(model),
    )


def hashes_of(located: Located, *, model: str, fresh: bool = False) -> dict[str, str]:
    """The hash of each file, compared with what was pinned.

    Args:
        fresh: read every byte again, whatever is remembered.

    Raises:
        ModelError: a file is missing, altered, or was not among those that were pinned.
    """
    refuse_unsafe(located.files, model=model, where=located.root)
    verified = Verified()
    hashes: dict[str, str] = {}
    for name in sorted({*located.files, *located.pins}):
        path = located.root / name
        pin = located.pins.get(name)
        wrong = ""
        if located.pins and pin is None:
            wrong = "is not among the files that were pinned"
        elif not path.is_file():
            wrong = "is missing"
        elif pin is not None and path.stat().st_size != pin.size:
            wrong = f"has {path.stat().st_size} bytes, and {pin.size} were pinned"
        else:
            found = hashes[name] = verified.sha256_of(path, fresh=fresh)
            if pin is not None and found != pin.sha256:
                wrong = f"was altered: its sha256 is {found}, and {pin.sha256} was pinned"
        if wrong:
            raise ModelError(
                f"{name!r} of model {model!r} {wrong}", where=str(path), remedy=located.remedy
            )
    verified.save()
    return hashes


def _registered(
    name: str, model: ModelYaml, task: str, policy: LicencePolicy, allow_unpinned: bool
) -> ResolvedModel:
    licence = catalogue.licence_of(model)
    _check_task(name, model.task, task)
    policy.check(
        name,
        model.licence,
        licence.commercial,
        condition=licence.condition,
        instead=catalogue.alternatives(model.task),
    )
    if not model.pinned and not allow_unpinned:
        raise _unpinned(name, model.source.describe())
    located = locate(name, model)
    hashes = hashes_of(located, model=name)
    single = model.loader in FILE_LOADERS and len(hashes) == 1
    return ResolvedModel(
        id=name,
        task=model.task,
        loader=model.loader,
        path=located.root / next(iter(hashes)) if single else located.root,
        revision=located.revision,
        sha256=manifest_of(hashes),
        licence=model.licence,
        commercial=licence.commercial,
        source=model.source.describe(),
        pinned=model.pinned,
    )


def _local(name: str, path: Path, task: str, policy: LicencePolicy) -> ResolvedModel:
    policy.check(name, UNKNOWN, UNKNOWN, instead=catalogue.alternatives(task))
    if path.is_file():
        located = Located(root=path.parent, files=(path.name,), pins={})
        loader, found = _BY_SUFFIX.get(path.suffix.lower(), ""), ""
    else:
        located = Located(root=path, files=files_of(path), pins={})
        loader, found = _kind_of(path)
    if not located.files:
        raise ModelError(f"the folder {name!r} holds no model", where=str(path))
    _check_task(name, found, task)
    hashes = hashes_of(located, model=name)
    return ResolvedModel(
        id=name,
        task=found or task,
        loader=loader,
        path=path,
        revision="",
        sha256=manifest_of(hashes),
        licence=UNKNOWN,
        commercial=UNKNOWN,
        source="local",
        pinned=False,
    )


def _hub(
    name: str, task: str, revision: str, policy: LicencePolicy, allow_unpinned: bool
) -> ResolvedModel:
    policy.check(name, UNKNOWN, UNKNOWN, instead=catalogue.alternatives(task))
    if revision and not _REVISION.fullmatch(revision):
        raise ModelError(
            f"the revision of {name!r} must be 40 hexadecimal digits; got {revision!r}",
            remedy="a branch or tag can move: give the commit that it points to",
        )
    if not revision and not allow_unpinned:
        raise _unpinned(name, f"hub:{name}")
    source = HubSource(kind="hub", repository=name, revision=revision or UNPINNED)
    located = locate_hub(name, source, LOADER_OF_TASK.get(task, ""))
    loader, found = _kind_of(located.root)
    _check_task(name, found, task)
    hashes = hashes_of(located, model=name)
    return ResolvedModel(
        id=name,
        task=found or task,
        loader=loader,
        path=located.root,
        revision=located.revision,
        sha256=manifest_of(hashes),
        licence=UNKNOWN,
        commercial=UNKNOWN,
        source=f"hub:{name}@{located.revision[:12]}",
        pinned=bool(revision),
    )


def _kind_of(folder: Path) -> tuple[str, str]:
    """Loader and task, from the file that each library writes beside its weights."""
    for name, kind in _BY_FILE.items():
        if (folder / name).is_file():
            return kind
    return "", ""


def _check_task(name: str, found: str, wanted: str) -> None:
    if wanted and found and found != wanted:
        fitting = [n for n, m in catalogue.read_registry().models.items() if m.task == wanted]
        raise ModelError(
            f"model {name!r} is for {found}, and {wanted} is wanted here",
            remedy=f"models for {wanted}: {', '.join(fitting[:6]) or 'none are registered'}",
        )


def _unpinned(name: str, source: str) -> ModelError:
    return ModelError(
        f"model {name!r} is unpinned: nobody has written down which files it must have",
        where=source,
        remedy="give a revision of 40 hexadecimal digits, or accept what is there with "
        "'allow_unpinned: true' where it is named: the generator's section of a job, or a rubric",
    )
