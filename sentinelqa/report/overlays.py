"""Overlays for the pictures that people look at: what is delivered, and what nearly passed.

Measurements hold numbers, not shapes, so the shapes are found again when the report is built, once
per picture: they are kept in ``report-overlays.json`` beside it, and those of existing images in
the user's cache, for the next run over them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sentinelqa.costs import Cost, cost_of
from sentinelqa.dimensions import artifacts, sharpness
from sentinelqa.errors import ScoringError, SentinelError
from sentinelqa.features import overlays as maps
from sentinelqa.features.base import Feature, FeatureInput
from sentinelqa.files import write_atomically
from sentinelqa.picturecache import PictureCache
from sentinelqa.report import seen
from sentinelqa.report.checks import MISSES
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.model import CheckSection
from sentinelqa.report.seen import Shapes, shapes
from sentinelqa.report.thumbnails import Shown, is_genuine, locate
from sentinelqa.scorecache import digest, file_digest
from sentinelqa.scorer import dimensions_of, features_of
from sentinelqa.types import Request

FILE = "report-overlays.json"
MOST_PICTURES = 400
MOST_OTHERS = 24
"""Where there are fewer near misses and delivered pictures than this, others are drawn as well."""
MOST_MILLISECONDS = 4_000.0
"""What one feature may cost over all pictures of a report, by its declared cost: reading text
takes 0.5 s a picture, so 8 pictures show it."""
MAPS = Cost(60.0, 240.0)
"""Of the maps of focus and damage, which pixels alone are enough for."""

_DRAWN = ("pixels", "foreground", "person", "faces", "text")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture that something is laid over.

    Attributes:
        row: of the candidate, in the run's table.
    """

    row: int
    path: str
    sha256: str
    request_id: str
    megapixels: float


class Picks:
    """Finds the pictures that people look at, part by part.

    Args:
        evidence: of the whole run.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._stored = evidence.stored
        self._room = MOST_PICTURES + MISSES * len(evidence.rubric.checks)
        self._chosen: list[tuple[float, int]] = []
        self._shown: list[tuple[float, int]] = []
        self._ranked: list[tuple[float, int]] = []

    def add(self, part: Evidence) -> None:
        """Look at a part."""
        rows = np.flatnonzero(part.having("pass") if part.scoring_only else part.delivered > 0)
        keys = np.zeros(part.rows) if part.scoring_only else part.delivered
        there = np.array([bool(sha256) for sha256 in part.texts_once("sha256")], bool)
        everything = np.arange(part.rows)
        for kept, most, among, by in (
            (self._chosen, MOST_OTHERS, rows, keys),
            (self._shown, self._room, rows[there[rows]], keys),
            (self._ranked, 2 * MOST_OTHERS, everything, -part.judgement.rank),
        ):
            best = among[np.argsort(by[among], kind="stable")[:most]]
            found = zip(by[best].tolist(), (best + part.first).tolist(), strict=True)
            kept[:] = sorted([*kept, *found])[:most]

    def pictures(self, sections: Sequence[CheckSection]) -> list[Pictured]:
        """Nearest misses, then what is delivered (or passed), best places first; then, where there
        are few, others by rank."""
        misses = [row for section in sections for row in section.misses]
        order = _distinct(misses, self._chosen)
        if len(order) < MOST_OTHERS:
            order = _distinct(order, self._ranked)[:MOST_OTHERS]
        else:
            order = _distinct(misses, self._shown)
        names = ("path", "sha256", "request_id", "width", "height")
        found = zip(order, self._stored.take(order, names), strict=True)
        return [_pictured(row, facts) for row, facts in found if facts["sha256"]][:MOST_PICTURES]


def _distinct(rows: Sequence[int], more: Sequence[tuple[float, int]]) -> list[int]:
    return list(dict.fromkeys([*rows, *(row for _, row in more)]))


def _pictured(row: int, facts: Mapping[str, Any]) -> Pictured:
    sides = [facts[name] for name in ("width", "height")]
    known = all(side is not None and side == side for side in sides)
    return Pictured(
        row=row,
        path=facts["path"] or "",
        sha256=facts["sha256"],
        request_id=str(facts["request_id"]),
        megapixels=sides[0] * sides[1] / 1e6 if known else 0.0,
    )


def overlays(
    evidence: Evidence, pictures: Sequence[Pictured], cache: PictureCache | None = None
) -> dict[int, Shapes]:
    """Row -> what is laid over its picture."""
    if not pictures:
        return {}
    drawing = _Drawing(evidence, cache)
    known = _known(evidence.run.path / FILE, drawing.versions)
    found = {one.sha256: known[one.sha256] for one in pictures if one.sha256 in known}
    wanted = _affordable(pictures, drawing.features)
    for one in pictures:
        key = one.sha256
        if key not in found and (drawn := drawing.of(one, wanted[one.row])) is not None:
            found[key] = drawn
    content = json.dumps(
        {"versions": drawing.versions, "pictures": found}, sort_keys=True, separators=(",", ":")
    )
    if found != known:
        write_atomically(evidence.run.path / FILE, content.encode())
    # as it will be read again, so that the next report is the same to the byte
    stored: dict[str, Shapes] = json.loads(content)["pictures"]
    return {one.row: stored[one.sha256] for one in pictures if one.sha256 in stored}


def _affordable(
    pictures: Sequence[Pictured], features: Mapping[str, Feature]
) -> dict[int, tuple[str, ...]]:
    """Row -> the features that are computed of it, by declared cost: equal runs stay equal."""
    spent = dict.fromkeys(features, 0.0)
    found = {}
    for one in pictures:
        names = []
        for name, feature in features.items():
            spent[name] += cost_of(feature).milliseconds(one.megapixels)
            if name == "pixels":
                spent[name] += MAPS.milliseconds(one.megapixels)
            if spent[name] <= MOST_MILLISECONDS:
                names.append(name)
        found[one.row] = tuple(names)
    return found


def _known(path: Path, versions: Mapping[str, str]) -> dict[str, Shapes]:
    """What an earlier report found, where it was found in the same way."""
    if not path.is_file():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    if not isinstance(stored, dict) or stored.get("versions") != versions:
        return {}
    pictures = stored.get("pictures")
    return pictures if isinstance(pictures, dict) else {}


@lru_cache(maxsize=1)
def _sources() -> tuple[str, ...]:
    """What draws, so that a change to it is seen."""
    return tuple(file_digest(str(m.__file__)) for m in (seen, maps, artifacts, sharpness))


@dataclass
class _Drawing:
    """Computes the features of the run's rubric that can be drawn; a model that is not here any
    more leaves its overlay out."""

    evidence: Evidence
    cache: PictureCache | None = None

    def __post_init__(self) -> None:
        rubric = self.evidence.rubric
        there = features_of(rubric, dimensions_of(rubric))
        self.features = {name: there[name] for name in _DRAWN if name in there}
        self.versions = {name: feature.version for name, feature in self.features.items()}
        self._loaded: dict[str, bool] = {}

    def of(self, one: Pictured, names: Sequence[str]) -> Shapes | None:
        """The shapes of one candidate; ``None`` where its pixels are gone."""
        shown = Shown("", one.path, one.sha256)
        path = locate(self.evidence.run, shown.path)
        if path is None:
            return None
        context = self._context(names)
        if context and self.cache and (known := self.cache.recall(context, [shown.sha256])):
            return dict(json.loads(known[shown.sha256]))
        request = Request(id=one.request_id)
        values = dict(self._values(str(path), request, names))
        if "pixels" not in values:
            return None
        try:
            found = shapes(values)
        except ScoringError as error:  # from a JPEG file, which is decoded only now
            _LOG.info("no overlay of %s: %s", path, error)
            return None
        # a model that is missing today is not missing for ever
        whole = set(names) <= values.keys()
        if context and self.cache and whole and is_genuine(self.evidence.run, shown):
            self.cache.keep(context, {shown.sha256: json.dumps(found).encode()})
        return found

    def _context(self, names: Sequence[str]) -> str:
        """What shapes of these features depend on beside the image; empty where nobody knows."""
        known = self.cache.features if self.cache else {}
        if not set(names) <= known.keys():
            return ""
        return digest(["shapes", [known[name] for name in names], _sources()])

    def _values(
        self, path: str, request: Request, names: Sequence[str]
    ) -> Iterator[tuple[str, Any]]:
        values: dict[str, Any] = {}
        for name in names:
            feature = self.features[name]
            if not self._load(name) or not set(feature.needs) <= values.keys():
                continue
            try:
                value = feature.compute([FeatureInput(path, request, values)])[0]
            except (SentinelError, OSError, RuntimeError, ValueError, cv2.error) as error:
                value = ScoringError(f"{name}: {error}")
            if isinstance(value, ScoringError):
                _LOG.info("no overlay of %s: %s", path, value)
                continue
            values[name] = value
            yield name, value

    def _load(self, name: str) -> bool:
        if name not in self._loaded:
            try:
                self.features[name].load("cpu")
            except SentinelError as error:
                _LOG.info("no overlays of %s: %s", name, error)
                self._loaded[name] = False
            else:
                self._loaded[name] = True
        return self._loaded[name]
