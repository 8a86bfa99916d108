"""What a job names is checked before anything is made, also what single requests ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinelqa.errors import JobError, LicenceError, ModelError
from sentinelqa.job import Job, load_job
from sentinelqa.pipeline.prepare import prepare

RUBRIC = "name: plain\nversion: 1\ntiers:\n  generic:\n    sharpness: {min: 0.5}\n"
JOB = """\
name: shop
requests: requests.csv
prompt: "a {colour} cup"
generator: {model: starter, steps: 2, width: 128, height: 128}
rubric: rubric.yaml
candidates: {first: 2, max: 4, batch: 2}
"""


def job(folder: Path, rows: str, text: str = JOB) -> Job:
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "requests.csv").write_text(rows)
    (folder / "job.yaml").write_text(text)
    return load_job(folder / "job.yaml")


def test_the_models_of_requests_are_part_of_the_plan(tmp_path: Path) -> None:
    rows = "id,colour,generator.model\na,red,\nb,blue,starter\n"

    plan = prepare(job(tmp_path, rows))

    assert set(plan.generators) == {"starter"}
    assert plan.wanted == 2


def test_an_unknown_model_of_a_request_is_named_with_its_row(tmp_path: Path) -> None:
    rows = "id,colour,generator.model\na,red,\nb,blue,statrer\n"

    with pytest.raises(ModelError, match="statrer") as caught:
        prepare(job(tmp_path, rows))

    assert "requests.csv:3" in str(caught.value)


def test_a_request_that_adjustments_would_bring_out_of_bounds_is_named(tmp_path: Path) -> None:
    rows = "id,colour,generator.steps\na,red,\nb,blue,990\n"
    adjusting = JOB + "retry: {rounds: 2, adjust: [{set: {steps: '+10'}}]}\n"

    with pytest.raises(JobError, match="steps from 990 to 1010 in 2 rounds") as caught:
        prepare(job(tmp_path, rows, adjusting))

    assert "requests.csv:3" in str(caught.value)


def test_a_request_cannot_switch_to_another_kind_of_generator(tmp_path: Path) -> None:
    rows = "id,colour,generator.model\na,red,fake\n"

    with pytest.raises(JobError, match="different generators") as caught:
        prepare(job(tmp_path, rows))

    assert "requests.csv:2" in str(caught.value)


def test_a_request_cannot_go_round_the_licence_policy(tmp_path: Path) -> None:
    rows = "id,colour,generator.model\na,red,flux2-dev\n"

    with pytest.raises(LicenceError, match="flux2-dev"):
        prepare(job(tmp_path, rows, JOB + "licences: commercial\n"))


def test_another_model_comes_without_the_revision_of_the_first(tmp_path: Path) -> None:
    settings = job(tmp_path, "id,colour\na,red\n").settings.evolve(revision="a" * 40)

    assert settings.evolve(steps=9).revision == "a" * 40
    assert settings.evolve(model="other").revision == ""
