"""Writes the page beside it from the dimensions themselves: ``python docs/dimensions/make.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from sentinelqa import registry
from sentinelqa.dimensions.base import Dimension, MetricSpec

PAGE = Path(__file__).parent / "README.md"

_GROUPS = (
    ("For every image", ("artifacts", "sharpness", "prompt_alignment")),
    (
        "For portraits",
        (
            "faces",
            "face_fidelity",
            "face_sharpness",
            "expression",
            "skin_tone",
            "lighting",
            "background",
            "background_text",
        ),
    ),
    (
        "For products",
        ("framing", "colour", "text", "orientation", "identity", "duplicate", "resolution"),
    ),
    ("On demand", ("safety", "aesthetic", "seen_before", "vqa_alignment", "semantic_artifacts")),
)

_HEAD = """\
# How every dimension is measured

This page is written from the code by `python docs/dimensions/make.py`. Each dimension gives a score
from 0 to 1, higher is better, or none and the reason why; and metrics in real units, which rubrics
can set thresholds on. Scores are continuous maps of the measure: nothing here passes or fails, the
rubric decides. How well the measures do is on the page [validity](../validity.md). The
pictures go from good to bad; `python docs/dimensions/pictures.py` draws them.

What needs an extra: `prompt_alignment` and `aesthetic` need `sentinelqa[clip]`, portraits
`sentinelqa[faces,text]` and `sentinelqa models pull --for headshot`, `text` and `safety` the extras
of their names. `seen_before` needs an index of the pictures that you have, which
`sentinelqa known catalog.index photos/` makes, and `SENTINELQA_KNOWN=catalog.index`.
`vqa_alignment` and `semantic_artifacts` ask a vision-language model of your own, served by vLLM,
SGLang, Ollama or anything that speaks the same protocol, and only where this machine names one:
`SENTINELQA_JUDGES="http://127.0.0.1:8000/v1 qwen2.5-vl"`, or `"local /models/qwen2.5-vl-3b"` for
a folder that transformers loads. All others work with the base install.

What one image measures, why it passes or not, and a picture of what was seen:

```sh
sentinelqa explain portrait.jpg --rubric headshot --reference me.jpg --overlay seen.png
```"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, names in _GROUPS:
        parts.append(f"## {title}")
        parts.extend(_section(registry.dimensions.load(name)()) for name in names)
    return "\n\n".join(parts) + "\n"


def _section(dimension: Dimension) -> str:
    text = _markdown(inspect.getdoc(type(dimension)) or "")
    loads = ", ".join(f"`{name}`" for name in dimension.needs)
    if dimension.reference_needs:
        wanted = ", ".join(f"`{name}`" for name in dimension.reference_needs)
        loads += f"; of references {wanted}"
    rows = "\n".join(
        f"| `{name}` | {spec.summary} | {_unit(spec)} |" for name, spec in dimension.metrics.items()
    )
    return (
        f"### {dimension.name}\n\n{_strip(dimension.name)}{text}\n\n"
        f"Reads {loads}. Version {dimension.version}.\n\n"
        f"| metric | what | unit |\n|---|---|---|\n{rows}"
    )


def _strip(name: str) -> str:
    """Pictures from good to bad, where ``pictures.py`` draws them."""
    if not (PAGE.parent / "images" / f"{name}.jpg").is_file():
        return ""
    return f"![Pictures from good to bad, with the score of each](images/{name}.jpg)\n\n"


def _unit(spec: MetricSpec) -> str:
    if spec.kind in ("bool", "str"):
        return {"bool": "true or false", "str": "text"}[spec.kind]
    bounds = ""
    if spec.low is not None and spec.high is not None:
        bounds = f"{spec.low:g} to {spec.high:g}"
    return " ".join(part for part in (spec.unit, bounds) if part) or "number"


def _markdown(text: str) -> str:
    text = re.sub(r":(?:mod|class|func|data|meth):`([^`]*)`", r"`\1`", text)
    text = text.replace("``", "`")
    return re.sub(r"(?<!`)\b([aLb])\*(?!`)", r"\1\\*", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
