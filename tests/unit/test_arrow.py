"""Columns are made and read without pandas, and hold what went in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from report_run import write_run

from sentinelqa.arrow import array_of, values_of

COLUMNS = [
    ([], pa.string()),
    ([], pa.float64()),
    ([None, None], pa.float64()),
    ([1, None, 2.5], pa.float64()),
    ([3, None, 2.0], pa.int64()),
    ([2**62, -(2**63)], pa.int64()),
    ([1, None], pa.int32()),
    ([True, None, False] * 9, pa.bool_()),
    (["ü", None, "", "a cup"], pa.string()),
]


@pytest.mark.parametrize(("values", "kind"), COLUMNS)
def test_a_column_holds_what_went_in(values: list[Any], kind: pa.DataType) -> None:
    column = array_of(values, kind)

    column.validate(full=True)
    assert column.equals(pa.array(values, kind))


@pytest.mark.parametrize(("values", "kind"), COLUMNS)
def test_values_have_nan_or_none_where_there_is_nothing(
    values: list[Any], kind: pa.DataType
) -> None:
    column = pa.array(values, kind)
    pieces = pa.chunked_array([column, column.slice(1), column.slice(0, 0)])

    found = values_of(pieces)

    given = [*values, *values[1:]]
    if pa.types.is_string(kind):
        assert found.tolist() == given
    else:
        expected = [np.nan if value is None else float(value) for value in given]
        np.testing.assert_array_equal(found, np.array(expected, np.float64))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1.5, pa.int64()),
        ("1", pa.float64()),
        (1, pa.string()),
        (2**40, pa.int32()),
        (2, pa.bool_()),
        (2**70, pa.int64()),
    ],
)
def test_what_a_column_cannot_hold_is_refused(value: Any, kind: pa.DataType) -> None:
    with pytest.raises(TypeError):
        array_of([value, None], kind)


def test_a_report_loads_no_pandas(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    script = (
        "import sys; from pathlib import Path; from sentinelqa.report import write_report; "
        "write_report(Path(sys.argv[1])); print('pandas' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(run)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "False"
