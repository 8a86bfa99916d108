"""The only orchestration: ``run`` a job, ``score`` existing images. One pipeline, two entrances."""

from sentinelqa.pipeline.finish import rebuild_tables
from sentinelqa.pipeline.prepare import Pilot, Plan, pilot, prepare
from sentinelqa.pipeline.run import run
from sentinelqa.pipeline.score import score

__all__ = ["Pilot", "Plan", "pilot", "prepare", "rebuild_tables", "run", "score"]
