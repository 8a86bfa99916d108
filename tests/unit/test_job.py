"""Job files: what is read, and what is refused with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinelqa.errors import JobError
from sentinelqa.job import Job, load_job

MINIMAL = """\
name: spring
requests: requests.csv
rubric: smoke
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requests.csv").write_text("id,prompt\na,a cup\n")
    return tmp_path


def load(folder: Path, text: str) -> Job:
    path = folder / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return load_job(path)


def test_everything_has_a_default(folder: Path) -> None:
    job = load(folder, MINIMAL)

    assert job.settings.model == "starter"
    assert (job.retry.first, job.retry.max, job.batch) == (8, 32, 16)
    assert job.keep_days is None
    assert job.cost_of(3600) == 3600


def test_the_example_of_the_contract_is_read(folder: Path) -> None:
    job = load(
        folder,
        MINIMAL
        + """\
prompt: "a {colour} {product}"
generator: {model: starter, steps: 20, guidance: 4.0, width: 128, height: 128}
deliver: 4
candidates: {first: 8, max: 32, batch: 16}
retry:
  rounds: 3
  adjust:
    - when: {fails: sharpness}
      set: {steps: "+10"}
    - when: {fails: [prompt_alignment]}
      set: {guidance: "+1.5", prompt: "+, centred"}
seed: 7
keep: 30 days
cost: {per_hour: 3.6, currency: EUR}
""",
    )
    steps, guidance = job.retry.adjustments

    assert (steps.fails, steps.changes[0].apply(20)) == (("sharpness",), 30)
    assert [c.apply(v) for c, v in zip(guidance.changes, (4.0, "a cup"), strict=True)] == [
        5.5,
        "a cup, centred",
    ]
    assert job.keep_days == 30
    assert job.cost_of(1000) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("line", "key", "message"),
    [
        ("delivr: 3", "delivr", "did you mean 'deliver'"),
        ("deliver: -3", "deliver", "-3"),
        ("deliver: many", "deliver", "many"),
        ("generator: {width: 100}", "width", "8"),
        ("candidates: {first: 9, max: 3}", "candidates", "at least first"),
        ("retry: {adjust: [{set: {stepz: 3}}]}", "set", "cannot be adjusted"),
        ("retry: {adjust: [{set: {steps: '+1.5'}}]}", "set", "whole number"),
        ("retry: {adjust: [{set: {width: '+100'}}]}", "set", "multiple of 8"),
        ("retry: {adjust: [{set: {guidance: 200}}]}", "guidance", "from 4 to 200 in 3 rounds"),
        ("retry: {adjust: [{set: {guidance: '-2'}}]}", "guidance", "from 4 to -2 in 3 rounds"),
        ("retry: {adjust: [{set: {guidance: 'nan'}}]}", "guidance", "takes a number such as"),
        (
            "retry: {rounds: 20, adjust: [{when: {fails: a}, set: {steps: '+30'}},"
            " {when: {fails: b}, set: {steps: '+20'}}]}",
            "steps",
            "from 20 to 1020 in 20 rounds",
        ),
        ("keep: forever", "keep", "forever"),
        ("licences: some", "licences", "some"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_key(
    folder: Path, line: str, key: str, message: str
) -> None:
    with pytest.raises(JobError) as caught:
        load(folder, MINIMAL + line + "\n")

    text = str(caught.value)
    assert "job.yaml:4" in text
    assert key in text
    assert message in text


def test_adjustments_that_stay_within_bounds_or_are_never_made_are_fine(folder: Path) -> None:
    load(folder, MINIMAL + "retry: {rounds: 2, adjust: [{set: {guidance: '-2'}}]}\n")
    load(folder, MINIMAL + "retry: {rounds: 49, adjust: [{set: {steps: '+20'}}]}\n")
    load(
        folder,
        MINIMAL + "candidates: {best_of: 8}\nretry: {adjust: [{set: {guidance: '+50'}}]}\n",
    )


def test_a_job_without_its_files_is_refused(folder: Path) -> None:
    with pytest.raises(JobError, match=r"nowhere\.csv"):
        load(folder, MINIMAL.replace("requests.csv", "nowhere.csv"))
    with pytest.raises(JobError, match="no job file"):
        load_job(folder / "other.yaml")


def test_only_what_changes_the_images_changes_the_fingerprint(folder: Path) -> None:
    before = load(folder, MINIMAL).fingerprint

    assert load(folder, MINIMAL.replace("spring", "summer")).fingerprint == before
    assert load(folder, MINIMAL + "keep: delivered\n").fingerprint == before
    assert load(folder, MINIMAL + "seed: 8\n").fingerprint != before
    (folder / "requests.csv").write_text("id,prompt\na,a mug\n")
    assert load(folder, MINIMAL).fingerprint != before
