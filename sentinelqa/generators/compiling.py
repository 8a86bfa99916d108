"""Whether the denoiser goes through ``torch.compile``: where it pays for the length of the job.

Compiling only the blocks that a network repeats (regional compilation) takes a fraction of the time
that the whole takes, and is nearly as fast afterwards, so it is what is tried unasked, where
diffusers knows the blocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import torch

from sentinelqa.generators.tuning import WORTH, Tuning, denoiser_of

log = logging.getLogger(__name__)

Asked = Literal["auto", "off", "whole", "regional"]
"""What a job says: choose, or one of the ways."""

PRESUMED = 30.0
"""Seconds of compiling that are reckoned with before they are measured."""
MOST_SAVED = 0.4
"""The largest share of the time that compiling is hoped to save before it is measured."""


def may_pay(expected: float) -> bool:
    """Whether compiling is worth a try in a job of ``expected`` seconds: the try costs a
    compilation, and the shape of the job's own batches another one."""
    return MOST_SAVED * expected > 2 * PRESUMED


def pays(expected: float, compiling: float, before: float, after: float) -> bool:
    """Whether what is saved outweighs the compilation that is still to come.

    Args:
        expected: seconds of the job without compiling.
        compiling: seconds that it took once.
        before, after: seconds of a short batch without and with it.
    """
    return after <= WORTH * before and expected * (1 - after / before) > compiling


def way(pipeline: Any) -> Literal["whole", "regional"]:
    """The cheapest way to compile this denoiser."""
    blocks = getattr(denoiser_of(pipeline), "_repeated_blocks", None) or ()
    found = any(type(part).__name__ in blocks for part in denoiser_of(pipeline).modules())
    return "regional" if found else "whole"


def compile_denoiser(pipeline: Any, how: str) -> None:
    """Let ``torch.compile`` work on the denoiser from its next call on; the shape of a batch never
    changes, so nothing is compiled for shapes in general."""
    if how == "regional" and way(pipeline) == "regional":
        denoiser_of(pipeline).compile_repeated_blocks(dynamic=False)
    elif how:
        denoiser_of(pipeline).compile(dynamic=False)


def leave_plain(pipeline: Any) -> None:
    """Undo ``compile_denoiser``. ``Module.compile`` sets this attribute; nothing in torch unsets
    it."""
    for part in denoiser_of(pipeline).modules():
        part._compiled_call_impl = None
    torch._dynamo.reset()


def weigh(
    pipeline: Any, tuning: Tuning, short_batches: float, seconds: Callable[[], tuple[float, float]]
) -> Tuning:
    """Compile where the job is long enough, and keep it where that pays.

    Args:
        tuning: what the pipeline is in, with the times of its measurement.
        short_batches: to how many short batches the job comes.
        seconds: times short batches: the first one, and one after it.
    """
    times = dict(tuning.measured)
    before = min((times[n] for n in times if n == "plain" or getattr(tuning, n)), default=0.0)
    expected = before * short_batches
    if not may_pay(expected):
        return tuning
    how = way(pipeline)
    compile_denoiser(pipeline, how)
    try:
        with tuning.attention():
            first, after = seconds()
    except RuntimeError as error:
        # no compiler, no memory, or a graph that cannot be compiled: the job does without
        log.info("the denoiser is not compiled: %s", error)
        leave_plain(pipeline)
        return tuning
    compiling = max(0.0, first - after)
    measured = (*tuning.measured, ("compiling", compiling), (how, after))
    if pays(expected, compiling, before, after):
        return replace(tuning, compiled=how, measured=measured)
    leave_plain(pipeline)
    return replace(tuning, measured=measured)
