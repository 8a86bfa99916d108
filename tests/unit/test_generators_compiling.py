"""Compiling where it pays: the decision on numbers, the mechanism on a pipeline of tiny size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sentinelqa.generators.compiling import compile_denoiser, leave_plain, may_pay, pays, way, weigh
from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.generators.tuning import Tuning, denoiser_of
from sentinelqa.types import Candidate, Settings
from tests.tiny import tiny_flux, tiny_stable_diffusion

MEASURED = (("plain", 0.5), ("channels_last", 0.4), ("cudnn_attention", 0.45))
EAGER = Tuning(dtype="bfloat16", channels_last=True, measured=MEASURED)


@pytest.fixture
def generator(tmp_path: Path) -> DiffusersGenerator:
    model = tiny_stable_diffusion(tmp_path / "model")
    settings = Settings(model=str(model), steps=2, guidance=3.0, width=32, height=32)
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()
    return generator


def pipeline_of(generator: DiffusersGenerator) -> Any:
    assert generator._loaded is not None
    return generator._loaded.pipeline


def compiled_parts(pipeline: Any) -> list[str]:
    return [
        type(part).__name__
        for part in denoiser_of(pipeline).modules()
        if part._compiled_call_impl is not None
    ]


@pytest.mark.parametrize(
    ("expected", "compiling", "before", "after", "decision"),
    [
        (3600.0, 30.0, 1.0, 0.8, True),  # 720 s saved for 30
        (100.0, 30.0, 1.0, 0.8, False),  # 20 s saved for 30
        (3600.0, 30.0, 1.0, 0.985, False),  # within the noise, however long the job
        (3600.0, 30.0, 1.0, 1.2, False),
        (1e6, 0.0, 1.0, 1.0, False),
    ],
)
def test_what_is_saved_must_outweigh_compiling_again(
    expected: float, compiling: float, before: float, after: float, decision: bool
) -> None:
    assert pays(expected, compiling, before, after) is decision


def test_a_short_job_does_not_even_try() -> None:
    assert not may_pay(0.0)
    assert not may_pay(149.0)
    assert may_pay(151.0)


@pytest.mark.parametrize(
    ("short_batches", "first", "after", "chosen", "tried"),
    [
        (100.0, 25.0, 0.3, "", False),  # a job of 40 s
        (10_000.0, 25.3, 0.3, "regional", True),  # 4,000 s, of which a quarter is saved
        (400.0, 60.3, 0.3, "", True),  # 160 s, and compiling takes 60
        (10_000.0, 25.0, 0.4, "", True),  # no faster
    ],
)
def test_compiling_is_kept_where_it_pays_and_undone_where_not(
    generator: DiffusersGenerator,
    short_batches: float,
    first: float,
    after: float,
    chosen: str,
    tried: bool,
) -> None:
    pipeline = pipeline_of(generator)
    seen: list[list[str]] = []

    def seconds() -> tuple[float, float]:
        seen.append(compiled_parts(pipeline))
        return first, after

    tuning = weigh(pipeline, EAGER, short_batches, seconds)

    assert tuning.compiled == chosen
    assert seen == ([["BasicTransformerBlock"] * 4] if tried else [])
    assert bool(compiled_parts(pipeline)) == bool(chosen)
    record = dict(tuning.measured)
    assert record.items() >= dict(MEASURED).items()
    if tried:
        assert record["compiling"] == pytest.approx(first - after)
        assert record["regional"] == after


def test_where_nothing_can_be_compiled_the_job_does_without(generator: DiffusersGenerator) -> None:
    def seconds() -> tuple[float, float]:
        raise RuntimeError("no C++ compiler")

    tuning = weigh(pipeline_of(generator), EAGER, 1e6, seconds)

    assert tuning == EAGER
    assert not compiled_parts(pipeline_of(generator))


def test_on_a_processor_nothing_is_compiled_unasked(tmp_path: Path) -> None:
    model = tiny_stable_diffusion(tmp_path / "model")
    settings = Settings(model=str(model), steps=2, width=32, height=32)
    generator = DiffusersGenerator(settings, device="cpu", compiled="auto", expected=10**9)
    generator.load()

    assert generator.tuned == Tuning(dtype="float32")


@pytest.mark.parametrize(
    ("write", "kinds"),
    [
        (tiny_stable_diffusion, {"BasicTransformerBlock"}),
        (tiny_flux, {"FluxTransformerBlock", "FluxSingleTransformerBlock"}),
    ],
)
def test_the_blocks_that_a_network_repeats_are_compiled(
    write: Callable[[Path], Path], kinds: set[str], tmp_path: Path
) -> None:
    settings = Settings(model=str(write(tmp_path)), steps=1, width=32, height=32)
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()
    pipeline = pipeline_of(generator)

    assert way(pipeline) == "regional"
    compile_denoiser(pipeline, "regional")
    assert set(compiled_parts(pipeline)) == kinds
    leave_plain(pipeline)
    assert not compiled_parts(pipeline)
    compile_denoiser(pipeline, "whole")
    assert compiled_parts(pipeline) == [type(denoiser_of(pipeline)).__name__]
    leave_plain(pipeline)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["regional", "whole"])
def test_a_resumed_run_compiles_as_the_first_did(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With torch's own tracing, and without generating code, which takes a compiler and minutes."""
    own = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *a, **k: own(*a, **{**k, "backend": "eager"}))
    torch._dynamo.reset()
    model = tiny_stable_diffusion(tmp_path / "model")
    settings = Settings(model=str(model), steps=2, guidance=3.0, width=32, height=32)
    one = Candidate(id="c", request_id="r", prompt="a cup", settings=settings, seed=7)
    record = tmp_path / "generator.json"

    def made(compiled: Any, record: Path | None) -> tuple[np.ndarray, bool]:
        generator = DiffusersGenerator(settings, device="cpu", compiled=compiled, record=record)
        picture = np.asarray(generator.generate([one], 2).images[0])
        return picture, bool(compiled_parts(pipeline_of(generator)))

    plain, first, resumed = made("off", None), made(how, record), made("off", record)

    assert json.loads(record.read_text())["tuning"]["compiled"] == how
    assert (plain[1], first[1], resumed[1]) == (False, True, True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert np.array_equal(first[0], resumed[0])
    assert np.abs(plain[0].astype(int) - first[0]).max() <= 1
    torch._dynamo.reset()
