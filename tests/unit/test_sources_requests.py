"""Requests files: what is read, and what is refused with file and row."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from sentinelqa.errors import JobError
from sentinelqa.sources.image_table import ImageTable
from sentinelqa.sources.requests import RequestDefaults, fill_template, read_requests
from sentinelqa.types import Request

DEFAULTS = RequestDefaults(prompt="a {colour} {product}", deliver=3)


def read(path: Path, defaults: RequestDefaults = DEFAULTS) -> list[Request]:
    return list(read_requests(path, defaults))


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catalog.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_row_becomes_a_request(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "id,colour,product,deliver,generator.steps,season\nshoe-1,red,running shoe,2,30,spring\n",
    )

    (request,) = read(path)

    assert request.prompt == "a red running shoe"
    assert request.deliver == 2
    assert request.overrides == {"steps": 30}
    assert request.metadata == {"colour": "red", "product": "running shoe", "season": "spring"}
    assert request.where == f"{path}:2"


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("width", "1000000", "from 16 to 8192"),
        ("height", "36", "a multiple of 8"),
        ("steps", "1000000000", "from 1 to 1000"),
        ("guidance", "nan", "from 0 to 100"),
        ("guidance", "inf", "from 0 to 100"),
        ("guidance", "-3", "from 0 to 100"),
    ],
)
def test_a_request_may_set_no_more_than_a_job(
    tmp_path: Path, column: str, value: str, said: str
) -> None:
    path = csv(tmp_path, f"id,prompt,generator.{column}\na,x,{value}\n")
    with pytest.raises(JobError, match=f"{column} must .*{said}") as caught:
        read(path)
    assert caught.value.where == f"{path}:2"


def test_a_csv_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = csv(tmp_path, f"id,prompt\na,x\nb,{'x' * 200_000}\n")
    with pytest.raises(JobError, match="not a csv row") as caught:
        read(path)
    assert caught.value.where == f"{path}:3"


def test_a_parquet_file_that_is_damaged_inside_is_refused(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "requests.parquet"
    count = 4000
    ids = [f"r{n}" for n in range(count)]
    pd.DataFrame({"id": ids, "prompt": [f"a disc {n * n}" for n in range(count)]}).to_parquet(path)
    content = bytearray(path.read_bytes())
    content[100:4000] = bytes(n % 251 for n in range(3900))
    path.write_bytes(content)
    with pytest.raises(JobError, match=r"damaged|cannot be read"):
        read(path)


def test_a_parquet_file_may_hold_dates_decimals_and_durations(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "requests.parquet"
    row = {
        "id": "a",
        "prompt": "a disc",
        "day": dt.date(2026, 11, 21),
        "at": dt.datetime(2026, 11, 21, 11, 30, tzinfo=dt.UTC),
        "price": Decimal("1.10"),
        "length": dt.timedelta(minutes=1),
        "tags": ["x", "y"],
        "sizes": {"s": Decimal("2.5")},
    }
    pd.DataFrame([row]).to_parquet(path)
    (request,) = read(path)
    assert json.loads(json.dumps(request.metadata)) == {
        "day": "2026-11-21",
        "at": "2026-11-21T11:30:00+00:00",
        "price": 1.1,
        "length": 60.0,
        "tags": ["x", "y"],
        "sizes": {"s": 2.5},
    }
    pd.DataFrame([{"id": "a", "prompt": "a disc", "raw": b"\xff\x00"}]).to_parquet(path)
    with pytest.raises(JobError, match="'raw' holds bytes") as caught:
        read(path)
    assert caught.value.where == f"{path}: row 1"


def test_a_table_of_images_needs_no_ids(tmp_path: Path) -> None:
    path = csv(tmp_path, "image,prompt\na.png,a disc\n")
    row = ImageTable(path).find("folder/a.png")
    assert row is not None
    assert row.values["prompt"] == "a disc"
    with pytest.raises(JobError, match="no column 'image'"):
        ImageTable(csv(tmp_path, "picture,prompt\na.png,a disc\n"))


@pytest.mark.parametrize("image", ["shots/back\\slash.png", "shots/back/slash.png"])
@pytest.mark.parametrize("named", ["back\\slash.png", "back/slash.png"])
def test_a_path_may_be_written_as_on_another_system(tmp_path: Path, image: str, named: str) -> None:
    table = ImageTable(csv(tmp_path, f"image,prompt\n{named},a disc\n"))
    assert table.find(image) is not None
    assert not list(table.warnings())


def test_rows_that_match_no_image_are_named(tmp_path: Path) -> None:
    names = ["a/one.png", "two.png", "three.png", "four.png", "five.png", "six.png"]
    path = csv(tmp_path, "image,prompt\n" + "".join(f"{n},a disc\n" for n in names))
    table = ImageTable(path)
    for image in ("shots/a/one.png", "shots/two.png", "shots/other.png"):
        table.find(image)

    (warning,) = table.warnings()

    assert warning.startswith(
        f"4 of 6 rows of {path.name} match no image: 'three.png' ({path.name}:4), "
        f"'four.png' ({path.name}:5), 'five.png' ({path.name}:6) and 1 more; "
    )
    for name in names:
        table.find(name)
    assert not list(table.warnings())


def test_a_prompt_of_its_own_wins_over_the_template(tmp_path: Path) -> None:
    (request,) = read(csv(tmp_path, "id,prompt\na,a blue bag\n"))

    assert request.prompt == "a blue bag"
    assert request.deliver == 3


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "yaml"])
def test_every_format_gives_the_same_requests(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"id": "a", "colour": "red", "product": "cup"},
        {"id": "b", "colour": "blue", "product": "bag"},
    ]
    path = tmp_path / f"requests.{suffix}"
    if suffix == "jsonl":
        path.write_text("\n".join(json.dumps(r) for r in rows), encoding="utf-8")
    elif suffix == "parquet":
        import pandas as pd

        pd.DataFrame(rows).to_parquet(path)
    else:
        path.write_text(
            "".join(
                f"- id: {r['id']}\n  colour: {r['colour']}\n  product: {r['product']}\n"
                for r in rows
            ),
            encoding="utf-8",
        )

    assert [(r.id, r.prompt) for r in read(path)] == [("a", "a red cup"), ("b", "a blue bag")]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "", "empty"),
        ("id,prompt\n", "", "no requests"),
        ("name,prompt\na,x\n", ":1", "no column 'id'"),
        ("id,id\na,b\n", ":1", "twice"),
        ("id,prompt\n,x\n", ":2", "no id"),
        ("id,prompt\na,x\nA,y\n", ":3", "used before"),
        ("id,prompt\na/b,x\n", ":2", "contains '/'"),
        ("id,prompt\n..,x\n", ":2", "folder"),
        ("id,prompt\nCON,x\n", ":2", "folder"),
        ("id,prompt,deliver\na,x,-2\n", ":2", "at least 1; got '-2'"),
        ("id,prompt,deliver\na,x,many\n", ":2", "whole number"),
        ("id,prompt\na,x,y\n", ":2", "more fields"),
        ("id,color,product\na,red,cup\n", ":2", "did you mean 'color'"),
        ("id,prompt,references\na,x,face.png\n", ":2", "does not exist"),
        ("id,prompt,generator.stepz\na,x,3\n", ":2", "did you mean 'steps'"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(
    tmp_path: Path, text: str, where: str, message: str
) -> None:
    path = csv(tmp_path, text)

    with pytest.raises(JobError) as caught:
        read(path)

    assert message in str(caught.value)
    assert caught.value.where.endswith(f"catalog.csv{where}")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.csv"
    path.write_bytes(b"id,prompt\n\xff\xfe,x\n")

    with pytest.raises(JobError, match="UTF-8"):
        read(path)


@pytest.mark.parametrize(
    "template", ["{colour.__class__}", "{colour[0]}", "{colour!r}", "{colour:>9}", "{0}", "{"]
)
def test_a_template_reaches_nothing_but_columns(template: str) -> None:
    with pytest.raises(JobError):
        fill_template(template, {"colour": "red"}, "job.yaml")


def test_doubled_braces_are_braces() -> None:
    assert fill_template("{{x}} {colour}", {"colour": "red"}, "job.yaml") == "{x} red"
