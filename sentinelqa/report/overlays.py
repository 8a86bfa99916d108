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


def overlays(
    evidence: Evidence, sections: Sequence[CheckSection], cache: PictureCache | None = None
) -> dict[int, Shapes]:
    """Row -> what is laid over its picture, for at most :data:`MOST_PICTURES`."""
    rows = _rows(evidence, sections)
    if not rows:
        return {}
    drawing = _Drawing(evidence, cache)
    keys = {row: f"{evidence.texts('sha256')[row]}" for row in rows}
    known = _known(evidence.run.path / FILE, drawing.versions)
    found = {key: known[key] for key in keys.values() if key in known}
    wanted = _affordable(evidence, rows, drawing.features)
    for row, key in keys.items():
        if key not in found and (drawn := drawing.of(row, wanted[row])) is not None:
            found[key] = drawn
    content = json.dumps(
        {"versions": drawing.versions, "pictures": found}, sort_keys=True, separators=(",", ":")
    )
    if found != known:
        write_atomically(evidence.run.path / FILE, content.encode())
    # as it will be read again, so that the next report is the same to the byte
    stored: dict[str, Shapes] = json.loads(content)["pictures"]
    return {row: stored[key] for row, key in keys.items() if key in stored}


def _rows(evidence: Evidence, sections: Sequence[CheckSection]) -> list[int]:
    """Nearest misses, then what is delivered (or passed), best places first; then a few others."""
    misses = [row for section in sections for row in section.misses]
    outcomes, places = evidence.outcomes, evidence.delivered
    chosen = [row for row in range(evidence.rows) if places[row] > 0]
    chosen.sort(key=lambda row: int(places[row]))
    if evidence.scoring_only:
        chosen = [row for row, outcome in enumerate(outcomes) if outcome == "pass"]
    order = list(dict.fromkeys([*misses, *chosen]))
    if len(order) < MOST_OTHERS:
        others = np.argsort(-evidence.judgement.rank, kind="stable").tolist()
        order = list(dict.fromkeys([*order, *others]))[:MOST_OTHERS]
    return [row for row in order if evidence.texts("sha256")[row]][:MOST_PICTURES]


def _affordable(
    evidence: Evidence, rows: Sequence[int], features: Mapping[str, Feature]
) -> dict[int, tuple[str, ...]]:
    """Row -> the features that are computed of it, by declared cost: equal runs stay equal."""
    megapixels = evidence.numbers("width") * evidence.numbers("height") / 1e6
    spent = dict.fromkeys(features, 0.0)
    found = {}
    for row in rows:
        names = []
        size = float(np.nan_to_num(megapixels[row]))
        for name, feature in features.items():
            spent[name] += cost_of(feature).milliseconds(size)
            if name == "pixels":
                spent[name] += MAPS.milliseconds(size)
            if spent[name] <= MOST_MILLISECONDS:
                names.append(name)
        found[row] = tuple(names)
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

    def of(self, row: int, names: Sequence[str]) -> Shapes | None:
        """The shapes of one candidate; ``None`` where its pixels are gone."""
        shown = Shown("", *(self.evidence.texts(column)[row] for column in ("path", "sha256")))
        path = locate(self.evidence.run, shown.path)
        if path is None:
            return None
        context = self._context(names)
        if context and self.cache and (known := self.cache.recall(context, [shown.sha256])):
            return dict(json.loads(known[shown.sha256]))
        request = Request(id=self.evidence.texts("request_id")[row])
        values = dict(self._values(str(path), request, names))
        if "pixels" not in values:
            return None
        found = shapes(values)
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
