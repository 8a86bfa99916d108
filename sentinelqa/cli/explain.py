"""``sentinelqa explain IMAGE --rubric RUBRIC``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sentinelqa.terminal import plain

if TYPE_CHECKING:
    from sentinelqa.rubric.model import Rubric
    from sentinelqa.scorer import Scored
    from sentinelqa.types import Check, Measurement, Request

_DRAWN = ("pixels", "foreground", "person", "faces", "text")


@click.command(short_help="One image's measurements, with a picture of what was seen.")
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rubric", required=True, help="A shipped rubric's name, or a path.")
@click.option("--prompt", default="", help="What the image should show.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A reference image; may be given several times.",
)
@click.option(
    "--overlay",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the picture goes; without it IMAGE.explained.png in the current folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def explain(
    image: Path,
    rubric: str,
    prompt: str,
    references: tuple[Path, ...],
    overlay: Path | None,
    as_json: bool,
) -> int:
    """Measure everything that RUBRIC asks for, say why the image passes or not, and draw it.

    Exit code 1 when it does not pass.
    """
    from sentinelqa.rubric.loading import load_rubric
    from sentinelqa.types import Outcome, Request

    loaded = load_rubric(rubric)
    request = Request(id=image.stem, prompt=prompt, references=tuple(map(str, references)))
    scored = _score(loaded, request, image)
    target = overlay or Path(f"{image.stem}.explained.png")
    drawn = _draw(loaded, request, image, target)
    if as_json:
        click.echo(json.dumps(_as_dict(scored, target if drawn else None), ensure_ascii=False))
    else:
        _print(scored, target if drawn else None)
    return 0 if scored.verdict.outcome is Outcome.PASS else 1


def _score(rubric: Rubric, request: Request, image: Path) -> Scored:
    from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage
    from sentinelqa.types import Candidate

    stage = ScoreStage(ScorePlan(rubric=rubric, full=True))
    stage.load()
    candidate = Candidate(id="0" * 16, request_id=request.id, prompt=request.prompt)
    item = ScoreItem(candidate=candidate, request=request, path=str(image))
    return stage.run([item])[0]


def _draw(rubric: Rubric, request: Request, image: Path, target: Path) -> bool:
    """Draw what those features saw that the rubric loads; nothing for an unreadable image."""
    from PIL import Image

    from sentinelqa.errors import ModelError, ScoringError
    from sentinelqa.features.base import FeatureInput
    from sentinelqa.features.overlays import overlay
    from sentinelqa.files import replacing
    from sentinelqa.scorer import dimensions_of, features_of

    features = features_of(rubric, dimensions_of(rubric))
    values: dict[str, Any] = {}
    try:
        for name in (n for n in _DRAWN if n in features):
            try:
                features[name].load("cpu")
            except ModelError:
                continue  # the measurements above say which model is missing
            value = features[name].compute([FeatureInput(str(image), request, values)])[0]
            if isinstance(value, ScoringError):
                return False
            values[name] = value
        drawn = overlay(values)
    except ScoringError:  # from a JPEG file, which is decoded when it is looked at
        return False
    with replacing(target) as part:
        Image.fromarray(drawn).save(part, "PNG")
    return True


def _print(scored: Scored, target: Path | None) -> None:
    click.secho(f"{scored.verdict.outcome.value}", bold=True)
    for measured in scored.measurements:
        click.echo(f"\n{measured.dimension:18} {_score_of(measured)}")
        if measured.note:
            click.echo(plain(f"  {measured.note}"))
        for name, value in measured.metrics.items():
            shown = f"{value:.4g}" if isinstance(value, float) else value
            click.echo(plain(f"  {name:16} {shown}"))
    click.echo("\nchecks")
    for check in scored.verdict.checks:
        click.echo(plain(f"  {_line_of(check)}"))
    if target is not None:
        click.echo(plain(f"\nwhat was seen: {target}"))


def _score_of(measured: Measurement) -> str:
    if measured.score is None:
        return f"unscored: {measured.unscored}"
    return f"{measured.score:.3f}{'  uncertain' if measured.uncertain else ''}"


def _line_of(check: Check) -> str:
    outcome = check.outcome.value if check.outcome else "not looked at"
    return f"{outcome:8} {check.name:24} {check.reason}".rstrip()


def _as_dict(scored: Scored, target: Path | None) -> dict[str, Any]:
    return {
        "outcome": scored.verdict.outcome.value,
        "reasons": list(scored.verdict.reasons),
        "overlay": str(target) if target else None,
        "measurements": {
            m.dimension: {
                "score": m.score,
                "unscored": m.unscored.value if m.unscored else None,
                "note": m.note,
                "uncertain": m.uncertain,
                "metrics": dict(m.metrics),
                "models": [
                    {"id": u.id, "sha256": u.sha256, "licence": u.licence} for u in m.models
                ],
            }
            for m in scored.measurements
        },
    }
