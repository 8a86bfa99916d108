"""Pinned weights: which models there are, that they are what was pinned, and what they allow."""

from __future__ import annotations

from sentinelqa.weights.catalogue import feature_models
from sentinelqa.weights.licences import LicencePolicy
from sentinelqa.weights.resolving import ResolvedModel, resolve

__all__ = ["LicencePolicy", "ResolvedModel", "feature_models", "resolve"]
