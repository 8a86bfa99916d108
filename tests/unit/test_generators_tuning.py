"""How the device's work is done is chosen once for a run, and written down."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.generators.tuning import Tuning, compare, recorded
from sentinelqa.types import Candidate, Settings
from tests.tiny import tiny_stable_diffusion


def test_the_choice_is_kept_in_the_run_and_used_again(tmp_path: Path) -> None:
    model = tiny_stable_diffusion(tmp_path / "model")
    settings = Settings(model=str(model), steps=2, width=32, height=32)
    record = tmp_path / "generator.json"
    first = DiffusersGenerator(settings, device="cpu", record=record)
    first.load()
    facts = json.loads(record.read_text())
    facts["tuning"]["dtype"] = "float64"
    record.write_text(json.dumps(facts))

    second = DiffusersGenerator(settings, device="cpu", record=record)
    second.load()

    assert first.tuned == Tuning(dtype="float32")
    assert facts["device"] == "cpu"
    assert facts["pipeline"] == "StableDiffusionPipeline"
    assert second.tuned == Tuning(dtype="float64")
    assert second._loaded is not None
    assert str(second._loaded.pipeline.unet.dtype) == "torch.float64"


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        ((1.0, 0.8, 0.9, 0.8), {"channels_last", "sliced"}),
        ((1.0, 0.99, 0.7, 0.72), {"cudnn_attention"}),
        ((1.0, None, 1.0, 1.0), {"sliced"}),
        ((None, None, None, None), set()),
    ],
)
def test_a_setting_is_taken_when_it_is_worth_it(
    times: tuple[float | None, ...], taken: set[str], tmp_path: Path
) -> None:
    """In turn: plain, and each setting on top of those that were taken. ``None`` is no memory."""
    names = ("plain", "channels_last", "cudnn_attention", "sliced")
    model = tiny_stable_diffusion(tmp_path / "model")
    generator = DiffusersGenerator(Settings(model=str(model), steps=1, width=32, height=32))
    generator.load()
    assert generator._loaded is not None
    pipeline = generator._loaded.pipeline
    waiting = iter(times)

    def seconds() -> float:
        found = next(waiting)
        if found is None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return found

    chosen = compare(pipeline, Tuning(dtype="float32"), seconds)

    assert {n for n in names[1:] if getattr(chosen, n)} == taken
    known = {n: t for n, t in zip(names, times, strict=True) if t is not None}
    assert dict(chosen.measured) == known
    assert pipeline.vae.use_slicing == chosen.sliced
    weights = next(w for w in pipeline.unet.parameters() if w.dim() == 4 and min(w.shape[1:]) > 1)
    assert weights.is_contiguous(memory_format=torch.channels_last) == chosen.channels_last


def test_every_setting_makes_pictures(tmp_path: Path) -> None:
    """The kernels of a GPU fall back here, but each way is gone."""
    model = tiny_stable_diffusion(tmp_path / "model")
    settings = Settings(model=str(model), steps=2, width=32, height=32)
    record = tmp_path / "generator.json"
    made = []
    for tuning in (
        Tuning(dtype="float32"),
        Tuning(dtype="float32", channels_last=True, cudnn_attention=True, sliced=True),
    ):
        record.write_text(json.dumps({"tuning": tuning.as_dict()}))
        generator = DiffusersGenerator(settings, device="cpu", record=record)
        generator.load()
        one = Candidate(id="c", request_id="r", prompt="a cup", settings=settings, seed=7)
        made.append(np.asarray(generator.generate([one], 2).images[0]).astype(int))
    assert np.abs(made[0] - made[1]).max() <= 1


@pytest.mark.parametrize("measured", [(), (("contiguous", 1.5), ("channels_last", 1.0))])
def test_a_choice_survives_being_written(measured: tuple[tuple[str, float], ...]) -> None:
    chosen = Tuning(dtype="bfloat16", channels_last=True, measured=measured)

    assert Tuning.from_dict(json.loads(json.dumps(chosen.as_dict()))) == chosen


def test_without_a_record_nothing_is_known(tmp_path: Path) -> None:
    assert recorded(tmp_path / "generator.json") is None
