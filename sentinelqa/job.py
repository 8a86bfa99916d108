"""A job: what to make, from which requests, with which generator and rubric, within what budget.

YAML enters through the pydantic schema; a frozen :class:`Job` comes out.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sentinelqa.errors import JobError
from sentinelqa.retry import Adjustment, Change, RetryPolicy, reach
from sentinelqa.rubric.reading import read_yaml, validate
from sentinelqa.screening import Screening
from sentinelqa.sources.requests import BOUNDS, SIDES_IN, RequestDefaults
from sentinelqa.types import Settings

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Pixels = Annotated[int, Field(ge=BOUNDS["width"][0], le=BOUNDS["width"][1], multiple_of=SIDES_IN)]

NUMBERS = ("steps", "guidance", "width", "height")
TEXTS = ("prompt", "negative_prompt", "scheduler", "model", "lora")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeneratorYaml(_Strict):
    """Which model makes the images, and how."""

    model: str = "starter"
    revision: str = ""
    steps: Annotated[int, Field(ge=BOUNDS["steps"][0], le=BOUNDS["steps"][1])] = 20
    guidance: Annotated[float, Field(ge=BOUNDS["guidance"][0], le=BOUNDS["guidance"][1])] = 4.0
    width: Pixels = 512
    height: Pixels = 512
    scheduler: str = ""
    lora: str = ""
    negative_prompt: str = ""
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    compile: bool | Literal["auto", "regional"] = "auto"
    allow_unpinned: bool = False


class CandidatesYaml(_Strict):
    """How many candidates a request may cost."""

    first: Count = 8
    max: Count = 32
    batch: Annotated[int, Field(ge=1, le=512)] = 16
    best_of: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @model_validator(mode="after")
    def _budget(self) -> CandidatesYaml:
        if self.max < self.first:
            raise ValueError(f"max must be at least first ({self.first}); got {self.max}")
        return self


class WhenYaml(_Strict):
    """Which failures an adjustment answers."""

    fails: tuple[str, ...] = ()

    @field_validator("fails", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class AdjustYaml(_Strict):
    """What the next round changes after certain failures."""

    when: WhenYaml = WhenYaml()
    set: dict[str, int | float | str]

    @field_validator("set")
    @classmethod
    def _known(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key, change in value.items():
            if key not in NUMBERS + TEXTS:
                raise ValueError(f"{key!r} cannot be adjusted; one of {', '.join(NUMBERS + TEXTS)}")
            _change(key, change)
        return value


class RetryYaml(_Strict):
    """What happens to a request that fell short."""

    rounds: Annotated[int, Field(ge=0, le=100)] = 10
    adjust: tuple[AdjustYaml, ...] = ()
    give_up_below: Annotated[float, Field(ge=0, lt=1)] = 0.05

    @model_validator(mode="before")
    @classmethod
    def _fewer_where_settings_drift(cls, data: Any) -> Any:
        """Adjustments add up from round to round, so unasked there are only a few."""
        if isinstance(data, dict) and data.get("adjust") and "rounds" not in data:
            return {**data, "rounds": 3}
        return data


class EarlyRejectionYaml(_Strict):
    """Looking at candidates half way, and dropping those that will almost surely fail."""

    at: Annotated[float, Field(ge=0, lt=1)] = 0.0
    lose: Annotated[float, Field(gt=0, le=0.5)] = 0.05


class CostYaml(_Strict):
    """What an hour of the generating device costs. Without it, cost is counted in seconds."""

    per_hour: Annotated[float, Field(gt=0)] | None = None
    currency: str = "device-seconds"


class JobYaml(_Strict):
    """The schema of a job file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    requests: str
    prompt: str = ""
    generator: GeneratorYaml = GeneratorYaml()
    rubric: str
    deliver: Count = 1
    candidates: CandidatesYaml = CandidatesYaml()
    retry: RetryYaml = RetryYaml()
    early_rejection: EarlyRejectionYaml = EarlyRejectionYaml()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    keep: Annotated[str, Field(pattern=r"^(all|delivered|\d+ days?)$")] = "all"
    licences: Literal["any", "commercial"] = "any"
    acknowledge: tuple[str, ...] = ()
    cost: CostYaml = CostYaml()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job that was read and checked.

    Attributes:
        requests: path of the requests file.
        rubric: a shipped rubric's name or a path.
        keep_days: days that rejects' pixels stay; 0 means only thumbnails, ``None`` for ever.
        compiled: ``auto``, ``off``, or which part of the denoiser goes through ``torch.compile``:
            ``whole`` or ``regional`` (the blocks that it repeats).
        screening: whether candidates are looked at half way; ``None`` for not.
        batch: candidates per device batch; the fixed shape that makes pixels reproducible.
        resolved: the whole job with every default filled in, JSON-ready: what ``job.yaml`` in the
            run directory holds.
    """

    name: str
    requests: Path
    prompt: str
    settings: Settings
    negative_prompt: str
    device: str
    dtype: str
    compiled: Literal["auto", "off", "whole", "regional"]
    allow_unpinned: bool
    rubric: str
    deliver: int
    retry: RetryPolicy
    screening: Screening | None
    batch: int
    seed: int
    keep_days: int | None
    licences: str
    acknowledge: tuple[str, ...]
    per_hour: float | None
    currency: str
    resolved: dict[str, Any]

    @property
    def defaults(self) -> RequestDefaults:
        """What requests take from the job where their row does not say."""
        return RequestDefaults(
            prompt=self.prompt, negative_prompt=self.negative_prompt, deliver=self.deliver
        )

    @property
    def fingerprint(self) -> str:
        """Of everything in the job that changes what is made. The name and prices do not."""
        relevant = {k: v for k, v in self.resolved.items() if k not in ("name", "keep", "cost")}
        with self.requests.open("rb") as file:
            relevant["requests"] = hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()

    def cost_of(self, seconds: float) -> float:
        """What so many device seconds cost, in ``currency``."""
        return seconds if self.per_hour is None else seconds * self.per_hour / 3600


def check_reach(settings: Settings, policy: RetryPolicy, where: str) -> None:
    """Adjustments add up from round to round; refuse what could leave the bounds of a setting.

    Raises:
        JobError: which setting, and how far it may come.
    """
    if policy.best_of or not policy.retries:
        return
    for key, (least, most) in BOUNDS.items():
        for value in reach(getattr(settings, key), key, policy.adjustments, policy.retries):
            if not least <= value <= most:
                rounds = f"{policy.retries} round{'s' * (policy.retries != 1)}"
                raise JobError(
                    f"retry.adjust may bring {key} from {getattr(settings, key):g} to {value:g} "
                    f"in {rounds}; it must lie from {least} to {most}",
                    where=where,
                    remedy="a smaller step, or fewer retry.rounds",
                )


def load_job(path: str | Path) -> Job:
    """Read a job file. Relative paths in it are relative to the file.

    Raises:
        JobError: with file, line and key.
    """
    path = Path(path)
    if not path.is_file():
        raise JobError(f"there is no job file {str(path)!r}")
    data, marks = read_yaml(path, what="job", error=JobError)
    parsed = validate(JobYaml, data, marks, error=JobError)
    for key, name in (("requests", parsed.requests), ("lora", parsed.generator.lora)):
        if name and not (path.parent / name).is_file():
            inside = (key,) if key == "requests" else ("generator", key)
            raise JobError(
                f"{key} names the file {str(path.parent / name)!r}, which does not exist",
                where=marks.where(inside),
            )
    job = _job(parsed, path.parent)
    check_reach(job.settings, job.retry, marks.where(("retry", "adjust")))
    return job


def _job(yaml: JobYaml, folder: Path) -> Job:
    generator = yaml.generator
    rubric = yaml.rubric
    if rubric.endswith((".yaml", ".yml")):
        rubric = str(folder / rubric)
    lora = str(folder / generator.lora) if generator.lora else ""
    local = folder / generator.model
    model = str(local) if (local / "model_index.json").is_file() else generator.model
    return Job(
        name=yaml.name,
        requests=folder / yaml.requests,
        prompt=yaml.prompt,
        settings=Settings(
            model=model,
            revision=generator.revision,
            steps=generator.steps,
            guidance=generator.guidance,
            width=generator.width,
            height=generator.height,
            scheduler=generator.scheduler,
            lora=lora,
        ),
        negative_prompt=generator.negative_prompt,
        device=generator.device,
        dtype=generator.dtype,
        compiled=_compiled(generator.compile),
        allow_unpinned=generator.allow_unpinned,
        rubric=rubric,
        deliver=yaml.deliver,
        retry=_policy(yaml),
        screening=Screening(at=yaml.early_rejection.at, lose=yaml.early_rejection.lose)
        if yaml.early_rejection.at
        else None,
        batch=yaml.candidates.batch,
        seed=yaml.seed,
        keep_days={"all": None, "delivered": 0}.get(yaml.keep, _days(yaml.keep)),
        licences=yaml.licences,
        acknowledge=yaml.acknowledge,
        per_hour=yaml.cost.per_hour,
        currency=yaml.cost.currency,
        resolved=yaml.model_dump(mode="json"),
    )


def _compiled(
    said: bool | Literal["auto", "regional"],
) -> Literal["auto", "off", "whole", "regional"]:
    if isinstance(said, str):
        return said
    return "whole" if said else "off"


def _policy(yaml: JobYaml) -> RetryPolicy:
    return RetryPolicy(
        first=yaml.candidates.first,
        max=yaml.candidates.max,
        retries=yaml.retry.rounds,
        adjustments=tuple(
            Adjustment(fails=a.when.fails, changes=tuple(_change(k, v) for k, v in a.set.items()))
            for a in yaml.retry.adjust
        ),
        give_up_below=yaml.retry.give_up_below,
        best_of=yaml.candidates.best_of,
    )


def _change(key: str, value: float | str) -> Change:
    """``"+10"`` adds to a number, ``"+, in focus"`` to a text; anything else replaces."""
    if key in TEXTS:
        text = str(value)
        if text.startswith("+") and key in ("prompt", "negative_prompt"):
            return Change(key=key, value=text[1:], relative=True)
        return Change(key=key, value=text)
    relative = isinstance(value, str) and value[:1] in "+-"
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{key} takes a number such as 30, or a step such as '+10'; got {value!r}")
    whole = key != "guidance"
    if whole and not number.is_integer():
        raise ValueError(f"{key} takes a whole number; got {value!r}")
    if key in ("width", "height") and number % SIDES_IN:
        raise ValueError(f"{key} takes a multiple of {SIDES_IN}; got {value!r}")
    return Change(key=key, value=int(number) if whole else number, relative=relative)


def _days(keep: str) -> int | None:
    head = keep.split(" ", maxsplit=1)[0]
    return int(head) if head.isdigit() else None
