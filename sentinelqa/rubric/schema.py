"""The language of rubrics: what a YAML file may hold. Meaning is checked in ``loading``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=300)]
Severity = Literal["fail", "review", "warn"]

KINDS = ("require", "reject_if_seen", "require_seen", "text", "colour", "ask")
"""What a custom rule may ask for; each rule has exactly one of them."""

_OPTIONS = {
    "against": ("reject_if_seen", "require_seen"),
    "region": ("reject_if_seen", "require_seen"),
    "threshold": ("reject_if_seen", "require_seen", "ask"),
    "expect": ("ask",),
}


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Threshold(Strict):
    """What a dimension's score, or one of its metrics, must keep to."""

    metric: Name | None = Field(None, description="A metric of the dimension; else its score.")
    min: Number | None = Field(None, description="Lowest value that passes.")
    max: Number | None = Field(None, description="Highest value that passes.")
    between: list[Number] | None = Field(
        None, min_length=2, max_length=2, description="Lowest and highest value that pass."
    )
    review: Number | list[Number] | None = Field(
        None,
        description="Where failing begins: between this and min (or max) a person decides. "
        "With between, a wider pair.",
    )
    severity: Severity = Field("fail", description="What missing the threshold means.")
    message: Sentence | None = Field(None, description="The reason to give, instead of numbers.")

    @model_validator(mode="after")
    def _bounds(self) -> Threshold:
        if self.between is None and self.min is None and self.max is None:
            raise ValueError("expected a bound: min, max or between")
        if self.between is not None and (self.min is not None or self.max is not None):
            raise ValueError("between already gives both bounds; leave out min and max")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"the lower bound {self.low:g} is above the upper one {self.high:g}")
        self._check_review()
        return self

    def _check_review(self) -> None:
        both = self.low is not None and self.high is not None
        if isinstance(self.review, list):
            if not both or len(self.review) != 2:
                raise ValueError("a pair of review bounds goes with between, as [lowest, highest]")
            low, high = self.review
            if low > (self.low or 0.0) or high < (self.high or 0.0):
                raise ValueError("the review pair must enclose the bounds that pass")
        elif self.review is not None and both:
            raise ValueError("with two bounds, review is a pair: [lowest, highest]")

    @property
    def low(self) -> float | None:
        """The lowest value that passes."""
        return self.between[0] if self.between else self.min

    @property
    def high(self) -> float | None:
        """The highest value that passes."""
        return self.between[1] if self.between else self.max


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Thresholds = Annotated[
    list[Threshold],
    BeforeValidator(_as_list, json_schema_input_type=Threshold | list[Threshold]),
    Field(min_length=1),
]


class TextRule(Strict):
    """What must be read in the image. Case and runs of spaces do not count, except in ``match``."""

    contains: Sentence | None = Field(None, description="Must be read. {column} is filled in.")
    excludes: Sentence | None = Field(None, description="Must not be read.")
    match: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="A regular expression (RE2) that what is read must match somewhere."
    )
    none: bool = Field(False, description="Nothing at all may be read.")
    upright: bool = Field(False, description="What is read must not be turned or mirrored.")

    @model_validator(mode="after")
    def _something(self) -> TextRule:
        asked = [self.contains, self.excludes, self.match]
        if not (any(a is not None for a in asked) or self.none or self.upright):
            raise ValueError("expected one of contains, excludes, match, none, upright")
        if self.none and (any(a is not None for a in asked) or self.upright):
            raise ValueError("none: true leaves nothing to contain, exclude, match or turn")
        return self


class ColourRule(Strict):
    """How close the subject's dominant colour must come to a wanted one."""

    near: Sentence = Field(
        description="A colour's name, a hex colour such as '#cc2233', or {column} of the request."
    )
    within: Annotated[float, Field(strict=True, gt=0, le=100)] = Field(
        6.0, description="Largest CIEDE2000 difference that passes."
    )


class RuleExamples(Strict):
    """Images that show the rule at work; paths are relative to the rubric."""

    passes: list[str] = Field(
        default_factory=list, alias="pass", description="Images that keep the rule."
    )
    fails: list[str] = Field(
        default_factory=list, alias="fail", description="Images that break the rule."
    )


class Rule(Strict):
    """A rule of the business, of exactly one kind: ``require``, ``reject_if_seen``,
    ``require_seen``, ``text``, ``colour`` or ``ask``."""

    name: Name = Field(description="Unlike any dimension's and any other rule's.")
    require: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        None, description="An expression (CEL) that must be true."
    )
    reject_if_seen: Sentence | None = Field(None, description="A statement that must not hold.")
    require_seen: Sentence | None = Field(None, description="A statement that must hold.")
    against: Sentence | list[Sentence] | None = Field(
        None, description="For *_seen: the contrary statement or statements."
    )
    region: Literal["whole", "subject", "background"] | None = Field(
        None,
        description="For *_seen: the part of the picture to look at; whole unless said. A part "
        "needs a plain background, or people and models: {person: mediapipe-selfie}.",
    )
    threshold: Share | None = Field(
        None, description="For *_seen and ask: the probability from which it counts."
    )
    text: TextRule | None = Field(None, description="What must be read in the image.")
    colour: ColourRule | None = Field(None, description="Which colour the subject must have.")
    ask: Sentence | None = Field(
        None, description="A yes-or-no question to a vision-language judge; see also expect."
    )
    expect: Literal["yes", "no"] | None = Field(None, description="For ask: yes unless said.")
    message: Sentence | None = Field(None, description="The reason to give when it fails.")
    severity: Severity = Field("fail", description="What it means when it fails.")
    examples: RuleExamples | None = Field(None, description="Images that show the rule at work.")

    @model_validator(mode="after")
    def _one_kind(self) -> Rule:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none of them"
            raise ValueError(f"rule {self.name!r} needs exactly one of {', '.join(KINDS)}; {got}")
        for option, kinds in _OPTIONS.items():
            if getattr(self, option) is not None and self.kind not in kinds:
                raise ValueError(f"{option} goes with {' or '.join(kinds)}")
        return self

    @property
    def kind(self) -> str:
        """Which of :data:`KINDS` the rule is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


class Tiers(Strict):
    """Thresholds per dimension, and the rules of the business."""

    generic: dict[Name, Thresholds | None] = Field(
        default_factory=dict,
        description="Dimension -> a threshold or several: what any image must keep to.",
    )
    use_case: dict[Name, Thresholds | None] = Field(
        default_factory=dict,
        description="The same for this use. null takes away what an extended rubric asks.",
    )
    custom: list[Rule] = Field(default_factory=list, description="The rules of the business.")


class Diversity(Strict):
    """How unlike each other the delivered images of one request must be."""

    min_distance: Share = Field(description="Of perceptual hashes, as a share of their 64 bits.")


class Example(Strict):
    """An image and what the rubric must say of it, for ``sentinelqa rubric test``."""

    image: Sentence = Field(description="Path relative to the rubric.")
    expect: Literal["pass", "fail", "review"] = Field(description="The verdict.")
    because: list[Sentence] = Field(
        default_factory=list, description="Names of the checks that must be among the reasons."
    )
    prompt: str = Field("", description="What the image is to show.")
    references: list[Sentence] = Field(
        default_factory=list, description="Reference images; paths relative to the rubric."
    )
    request: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Other columns of the request."
    )


class Fitted(Strict):
    """One threshold that ``sentinelqa rubric calibrate`` fitted."""

    version: str = Field(description="Of the dimension that it was fitted on.")
    min: Number = Field(description="The threshold.")
    auc: Share = Field(description="How well the score tells good from bad, 0.5 to 1.")


class Calibration(Strict):
    """What ``sentinelqa rubric calibrate`` wrote: on what the thresholds rest."""

    required: bool = Field(False, description="Refuse to gate when this is missing or stale.")
    goal: Sentence | None = Field(None, description="What was asked of the fit.")
    good: Annotated[int, Field(ge=0)] = Field(0, description="Good images fitted on.")
    bad: Annotated[int, Field(ge=0)] = Field(0, description="Bad images fitted on.")
    false_pass: list[Share] = Field(
        default_factory=list, description="Cross-validated rate, and its 95 % interval."
    )
    dimensions: dict[Name, Fitted] = Field(
        default_factory=dict, description="Dimension -> what was fitted."
    )
    weights: dict[str, str] = Field(default_factory=dict, description="Model -> sha256.")


def _as_calibration(value: Any) -> Any:
    return {"required": True} if value == "required" else value


class RubricFile(Strict):
    """A rubric: thresholds per dimension, custom rules, ranking."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        description="For people, the report and the ledger."
    )
    version: Annotated[int, Field(strict=True, ge=1)] | str = Field(
        1, description="Yours to raise when the rubric changes."
    )
    use_case: str = Field("", description="What the images are for, in a word.")
    description: str = Field("", max_length=2000, description="What is asked, in plain words.")
    extends: Sentence | None = Field(None, description="A shipped rubric, or a path from here.")
    models: dict[Name, Sentence] = Field(
        default_factory=dict,
        description="Feature -> the model it uses. Thresholds belong to a model.",
    )
    allow_unpinned: bool = Field(
        False, strict=True, description="Use models whose files nobody has written down."
    )
    tiers: Tiers = Field(Tiers(), description="The thresholds and the rules.")
    rank: dict[Name, Annotated[float, Field(strict=True, gt=0, le=1000)]] = Field(
        default_factory=dict, description="Dimension -> weight. Orders what passed."
    )
    diversity: Diversity | None = Field(
        None, description="Keeps near-duplicates out of what is delivered."
    )
    on_unscored: Literal["fail", "review"] = Field(
        "fail", description="What it means when a dimension cannot be judged."
    )
    calibration: Annotated[
        Calibration | None,
        BeforeValidator(
            _as_calibration, json_schema_input_type=Literal["required"] | Calibration | None
        ),
    ] = Field(None, description="Written by rubric calibrate; the word required refuses to gate.")
    examples: list[Example] = Field(
        default_factory=list, description="Images with the verdict expected, for rubric test."
    )
