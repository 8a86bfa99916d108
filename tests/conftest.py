"""Tests neither read nor fill the user's cache of scores; one that wants a cache names its own."""

from __future__ import annotations

import os

os.environ["SENTINELQA_SCORE_CACHE"] = ""
