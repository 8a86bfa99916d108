"""How the device's work is done is chosen once for a run, and written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.generators.tuning import Tuning, recorded
from sentinelqa.types import Settings
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


@pytest.mark.parametrize("measured", [(), (("contiguous", 1.5), ("channels_last", 1.0))])
def test_a_choice_survives_being_written(measured: tuple[tuple[str, float], ...]) -> None:
    chosen = Tuning(dtype="bfloat16", channels_last=True, measured=measured)

    assert Tuning.from_dict(json.loads(json.dumps(chosen.as_dict()))) == chosen


def test_without_a_record_nothing_is_known(tmp_path: Path) -> None:
    assert recorded(tmp_path / "generator.json") is None
