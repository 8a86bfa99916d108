"""Reading YAML: what is refused, what scalars mean, and where errors point."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from sentinelqa.errors import JobError, RubricError, UsageError
from sentinelqa.rubric.reading import MAX_BYTES, read_yaml, validate

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
HOSTILE = {
    "billion laughs": LAUGHS,
    "alias": "a: &x 1\nb: *x\n",
    "anchor alone": "a: &x 1\n",
    "anchor on a mapping": "a: &x\n  b: 1\n",
    "anchor on a key": "&x a: 1\n",
    "alias without anchor": "a: *nowhere\n",
    "alias to itself": "a: &a [*a]\n",
    "merge key": "a:\n  <<: {b: 1}\n",
    "merge of an alias": "a: &x {b: 1}\nc:\n  <<: *x\n",
    "python object": "a: !!python/object/apply:os.system ['true']\n",
    "python name": "a: !!python/name:os.system\n",
    "python module": "a: !!python/module:os\n",
    "python tuple": "a: !!python/tuple [1, 2]\n",
    "python new": "a: !!python/object/new:os.system [id]\n",
    "plain string tag": "a: !!str 1\n",
    "binary": "a: !!binary aGVsbG8=\n",
    "timestamp": "a: !!timestamp 2020-01-01\n",
    "set": "a: !!set {b, c}\n",
    "omap": "a: !!omap [b: 1]\n",
    "local tag": "a: !mine 1\n",
    "verbatim tag": "a: !<tag:yaml.org,2002:python/name:os.system> x\n",
    "tag directive": "%TAG !e! tag:example.com,2000:\n---\na: !e!x 1\n",
    "non-specific tag": "a: ! b\n",
    "duplicate key": "a: 1\nb: 2\na: 3\n",
    "duplicate key inside": "a:\n  b: 1\n  c: 2\n  b: 3\n",
    "duplicate key in flow": "a: {b: 1, b: 2}\n",
    "duplicate through quotes": "a: 1\n'a': 2\n",
    "duplicate through escapes": 'a: 1\n"\\x61": 2\n',
    "deep lists": "a: " + "[" * 50 + "]" * 50 + "\n",
    "very deep lists": "a: " + "[" * 100_000 + "\n",
    "very deep mappings": "a: " + "{b: " * 50_000 + "\n",
    "deep blocks": "".join(" " * i + "a:\n" for i in range(400)),
    "deep sequences": "- " * 50_000 + "1\n",
    "list as a key": "? [a, b]\n: 1\n",
    "mapping as a key": "? {a: b}\n: 1\n",
    "empty key": ": 1\n",
    "empty quoted key": "'': 1\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "many documents": "---\na: 1\n" * 1000,
    "too large": "a: 1\n" + "#" * MAX_BYTES + "\n",
    "large number": "a: 1e999\n",
    "control character": "a: \x01\n",
    "escape character": "a: \x1b[2J\n",
    "tab for indentation": "a:\n\tb: 1\n",
    "unclosed list": "a: [1, 2\n",
    "unclosed text": "a: 'x\n",
    "lone percent": "%\n",
    "nothing but a reserved sign": "a: @x\n",
    "duplicate key at the end": "".join(f"k{i}: {i}\n" for i in range(4_000)) + "k1: 2\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_quickly_with_a_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_bytes(HOSTILE[name].encode())
    start = time.process_time()
    with pytest.raises(RubricError) as caught:
        read_yaml(path, what="rubric", error=RubricError)
    assert time.process_time() - start < 0.1
    assert str(path) in caught.value.where
    if name not in ("too large", "control character", "escape character"):
        assert caught.value.where.split(":")[-2].isdigit()


def test_forty_files_are_tried() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12:30:45", "12:30:45"),
        ("0012", "0012"),
        ("0", 0),
        ("-7", -7),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("+1.5E-2", 0.015),
        ("1.2.3", "1.2.3"),
        ("e", "e"),
        ("1e", "1e"),
        (".", "."),
        ("-", None),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2020-01-01", "2020-01-01"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("9" * 50, "9" * 50),
    ],
)
def test_scalars_mean_what_a_person_means(written: str, meant: object) -> None:
    if written == "-":
        assert read_yaml("a:\n  -\n", what="rubric")[0] == {"a": [None]}
        return
    value = read_yaml(f"a: {written}\n", what="rubric")[0]["a"]
    assert value == meant
    assert type(value) is type(meant)


def test_marks_point_at_keys_and_items() -> None:
    _, marks = read_yaml("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n", what="rubric", name="r.yaml")
    assert marks.where(("a",)) == "r.yaml:1:1"
    assert marks.where(("b", 1, "d")) == "r.yaml:5:5"
    assert marks.line(("b", 0)) == 3
    assert marks.where(("b", 1, "missing")) == "r.yaml:4:5"


class _Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    steps: int = 1
    label: str = ""


class _Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: list[_Inner] = []
    either: int | list[int] = 0


def _refused(text: str) -> UsageError:
    data, marks = read_yaml(text, what="job", name="job.yaml")
    with pytest.raises(JobError) as caught:
        validate(_Outer, data, marks, error=JobError)
    return caught.value


def test_an_unknown_key_is_refused_with_a_suggestion() -> None:
    error = _refused("name: x\ninner:\n  - stepz: 3\n")
    assert error.what == "unknown key 'inner[0].stepz'"
    assert error.where == "job.yaml:3:5"
    assert error.remedy == "did you mean 'steps'?"


def test_a_wrong_type_says_what_was_expected_and_what_came() -> None:
    error = _refused("name: x\ninner:\n  - steps: many\n")
    assert error.what == "inner[0].steps: expected a whole number, got 'many'"


def test_a_missing_key_is_named() -> None:
    assert _refused("inner: []\n").what == "the key 'name' is missing"


def test_several_problems_are_told_at_once() -> None:
    error = _refused("inner:\n  - steps: x\n    stepz: 1\n")
    assert str(error).count("also") == 2


def test_a_union_is_one_problem() -> None:
    assert "also" not in str(_refused("name: x\neither: {a: 1}\n"))


def test_text_stays_as_written_where_text_is_wanted() -> None:
    data, marks = read_yaml("name: 1.10\ninner:\n  - label: 0.50\n", what="job")
    parsed = validate(_Outer, data, marks)
    assert (parsed.name, parsed.inner[0].label) == ("1.10", "0.50")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "\n", "# nothing\n"])
def test_something_that_is_no_mapping_is_refused(text: str) -> None:
    assert "expected a mapping" in _refused(text).what


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_yaml(path, what="rubric")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_yaml(path, what="rubric")
