"""What can be named in a job or a rubric: lazy tables of generators, features, dimensions, engines.

An entry is ``name -> "module:Attribute"``; the module is imported when the component is first
asked for, so that ``sentinelqa --help`` loads no torch. Installed packages add entries through
entry points in the groups ``sentinelqa.generators``, ``.features``, ``.dimensions``, ``.engines``;
those are looked at only when a name is not found here, or when all names are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from sentinelqa.errors import ComponentError, DependencyError, did_you_mean


@dataclass(frozen=True, slots=True)
class Entry:
    """One component that can be loaded by name.

    Attributes:
        target: ``module:Attribute``.
        summary: one line for listings.
        extra: the extra of this package that it needs; empty when the base install is enough.
    """

    target: str
    summary: str
    extra: str = ""


class Table:
    """Read-only mapping from names to components of one kind."""

    def __init__(self, kind: str, plural: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self._group = f"sentinelqa.{plural}"
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._entries, *self._plugins}))

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._plugins

    def entry(self, name: str) -> Entry:
        """The entry called ``name``.

        Raises:
            ComponentError: no such component, here or in an installed package.
        """
        found = self._entries.get(name) or self._plugins.get(name)
        if found is None:
            raise ComponentError(f"unknown {self.kind} {name!r}", remedy=did_you_mean(name, self))
        return found

    def load(self, name: str) -> Any:
        """Import the component called ``name`` and return the class or function.

        Raises:
            ComponentError: unknown, or its module does not import.
            DependencyError: it needs an extra that is not installed.
        """
        entry = self.entry(name)
        module_name, _, attribute = entry.target.partition(":")
        try:
            return getattr(import_module(module_name), attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("sentinelqa"):
                raise
            raise missing_package(f"{self.kind} {name!r}", str(error.name), entry.extra) from error
        except AttributeError as error:
            raise ComponentError(
                f"{self.kind} {name!r} is registered as {entry.target!r}, which does not exist"
            ) from error

    @cached_property
    def _plugins(self) -> dict[str, Entry]:
        return {
            point.name: Entry(point.value, f"from {point.dist.name if point.dist else 'a plug-in'}")
            for point in entry_points(group=self._group)
        }


def missing_package(what: str, package: str, extra: str) -> DependencyError:
    """The error for a package that is not installed, with the command that installs it."""
    target = f"'sentinelqa[{extra}]'" if extra else package
    return DependencyError(
        f"{what} needs the package {package!r}, which is not installed",
        remedy=f"pip install {target}",
    )


generators = Table(
    "generator",
    "generators",
    {
        "diffusers": Entry(
            "sentinelqa.generators.diffusers:DiffusersGenerator",
            "any text-to-image pipeline that diffusers loads",
            "generate",
        ),
        "fake": Entry(
            "sentinelqa.generators.fake:FakeGenerator",
            "patterns drawn from the seed, for tests and dry runs",
        ),
    },
)

features = Table(
    "feature",
    "features",
    {
        "pixels": Entry("sentinelqa.features.pixels:Pixels", "decoded 8-bit sRGB image"),
        "hashes": Entry("sentinelqa.features.hashes:Hashes", "64-bit perceptual hashes"),
        "clip": Entry("sentinelqa.features.clip:Clip", "image and prompt embeddings", "clip"),
        "aesthetic": Entry("sentinelqa.features.aesthetic:Aesthetic", "a rating of taste", "clip"),
        "faces": Entry("sentinelqa.features.faces:Faces", "faces with 468 landmarks", "faces"),
        "face_embedding": Entry(
            "sentinelqa.features.face_embedding:FaceEmbedding", "a vector per face", "faces"
        ),
        "judge": Entry(
            "sentinelqa.features.judge:JudgeFeature", "answers of vision-language models"
        ),
        "known": Entry("sentinelqa.features.known:Known", "the nearest picture of an index"),
        "keypoints": Entry(
            "sentinelqa.features.keypoints:KeypointFinder", "local detail, also mirrored"
        ),
        "person": Entry("sentinelqa.features.person:PersonFinder", "where the people are"),
        "safety": Entry("sentinelqa.features.safety:Safety", "Open-NSFW's probability", "safety"),
        "text": Entry("sentinelqa.features.text:Text", "lines of text, any way round", "text"),
        "foreground": Entry(
            "sentinelqa.features.foreground:ForegroundFinder", "subject before a plain background"
        ),
    },
)

dimensions = Table(
    "dimension",
    "dimensions",
    {
        "aesthetic": Entry("sentinelqa.dimensions.aesthetic:AestheticDimension", "a learned taste"),
        "artifacts": Entry("sentinelqa.dimensions.artifacts:Artifacts", "technical damage"),
        "sharpness": Entry("sentinelqa.dimensions.sharpness:Sharpness", "focus of the subject"),
        "prompt_alignment": Entry(
            "sentinelqa.dimensions.prompt_alignment:PromptAlignment",
            "does the image show what the prompt says",
        ),
        "background": Entry("sentinelqa.dimensions.background:Background", "plain or busy"),
        "background_text": Entry(
            "sentinelqa.dimensions.background_text:BackgroundText", "writing behind the subject"
        ),
        "colour": Entry("sentinelqa.dimensions.colour:Colour", "the subject's colour"),
        "duplicate": Entry("sentinelqa.dimensions.duplicate:Duplicate", "a copy of a reference"),
        "expression": Entry("sentinelqa.dimensions.expression:Expression", "eyes, mouth, pose"),
        "face_fidelity": Entry(
            "sentinelqa.dimensions.face_fidelity:FaceFidelity", "the reference's face"
        ),
        "face_sharpness": Entry(
            "sentinelqa.dimensions.face_sharpness:FaceSharpness", "focus of the face"
        ),
        "faces": Entry("sentinelqa.dimensions.faces:FacesFound", "count, size and pose of faces"),
        "identity": Entry("sentinelqa.dimensions.identity:Identity", "the reference's product"),
        "lighting": Entry("sentinelqa.dimensions.lighting:Lighting", "light on the face"),
        "skin_tone": Entry("sentinelqa.dimensions.skin_tone:SkinTone", "skin as in the reference"),
        "orientation": Entry("sentinelqa.dimensions.orientation:Orientation", "mirrored or turned"),
        "semantic_artifacts": Entry(
            "sentinelqa.dimensions.judged:SemanticArtifacts", "wrong anatomy and objects, judged"
        ),
        "vqa_alignment": Entry(
            "sentinelqa.dimensions.judged:VqaAlignment", "the prompt, asked of a judge"
        ),
        "seen_before": Entry(
            "sentinelqa.dimensions.seen_before:SeenBefore", "a copy of what the team has"
        ),
        "safety": Entry("sentinelqa.dimensions.safety:SafetyDimension", "safe to show at work"),
        "text": Entry("sentinelqa.dimensions.text:TextAccuracy", "reads what it should"),
        "framing": Entry("sentinelqa.dimensions.framing:Framing", "size and place of the subject"),
        "resolution": Entry("sentinelqa.dimensions.resolution:Resolution", "pixels and file facts"),
    },
)

engines = Table(
    "engine",
    "engines",
    {
        "local": Entry("sentinelqa.engines.local:LocalEngine", "processes on this machine"),
        "inline": Entry("sentinelqa.engines.inline:InlineEngine", "in this process, one at a time"),
    },
)
