"""New rubrics to start from, and the JSON Schema that editors complete and check with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sentinelqa.errors import RubricError
from sentinelqa.rubric.loading import find_rubric, load_rubric
from sentinelqa.rubric.schema import RubricFile

SCHEMA_FILE = "rubric.schema.json"
HEADER = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"

_DRAFT = """\
{header}name: {name}
version: 1
{base}description: >-
  Say here what a good image is, in your own words.

# A threshold per quality. Try the rubric on images before you trust a number:
#   sentinelqa rubric test {name}.yaml
#   sentinelqa rubric calibrate {name}.yaml --good good/ --bad bad/
tiers:
  generic:
    artifacts: {{min: 0.60}}
    sharpness: {{min: 0.40, review: 0.30}}    # between review and min a person decides
  custom:
    - name: large_enough
      require: image.shorter >= 512
      message: The shorter side must have at least 512 pixels.

on_unscored: fail    # what it means when a quality cannot be judged: fail or review

# Images with the verdict that you expect of them; paths start at this file.
examples: []
#  - {{image: examples/good.png, expect: pass}}
#  - {{image: examples/blurred.png, expect: fail, because: [sharpness]}}
"""


def schema() -> dict[str, Any]:
    """The JSON Schema of a rubric file."""
    content = RubricFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **content}


def schema_text() -> str:
    """The schema as it is written beside rubrics."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def draft(name: str, folder: Path, base: str = "") -> Path:
    """Write a rubric to start from, and the schema beside it.

    Args:
        base: a shipped rubric that it builds on.

    Raises:
        RubricError: the file exists, or the base does not.
    """
    path = folder / f"{name}.yaml"
    if path.exists():
        raise RubricError(f"{str(path)!r} is there already", remedy="choose another name")
    if base:
        find_rubric(base)
    extends = f"extends: {base}    # everything that is not said here is as there\n" if base else ""
    folder.mkdir(parents=True, exist_ok=True)
    text = _DRAFT.format(header=HEADER, name=name, base=extends)
    path.write_text(text, encoding="utf-8")
    try:
        load_rubric(path)
    except RubricError:
        path.unlink()
        raise
    beside = folder / SCHEMA_FILE
    if not beside.exists():
        beside.write_text(schema_text(), encoding="utf-8")
    return path
