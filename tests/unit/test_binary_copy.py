"""The binary COPY encoder, compared with the format in PostgreSQL's manual."""

import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.postgres.binary_copy import binary_columns, binary_file, binary_rows


def test_a_row_is_the_field_count_then_size_and_value_of_each_field() -> None:
    timestamp = np.array(["2000-01-01T00:00:00.000001"], dtype="datetime64[us]")
    rows = binary_rows([timestamp, np.array([7], np.int32), np.array([1.5])])
    assert struct.pack(">hiqiiid", 3, 8, 1, 4, 7, 8, 1.5) == rows


def test_timestamps_before_2000_are_negative() -> None:
    timestamp = np.array(["1999-12-31T23:59:59"], dtype="datetime64[us]")
    assert struct.pack(">hiq", 1, 8, -1_000_000) == binary_rows([timestamp])


def test_a_column_of_none_is_null_without_value_bytes() -> None:
    rows = binary_rows([np.array([7], np.int32), None])
    assert struct.pack(">hiii", 2, 4, 7, -1) == rows


def test_a_text_is_its_bytes() -> None:
    assert struct.pack(">hi3s", 1, 3, b"T01") == binary_rows([np.array([b"T01"])])


def test_zero_rows_give_zero_bytes() -> None:
    assert len(binary_rows([np.array([], np.float64)])) == 0


def test_strided_and_little_endian_columns_are_encoded_by_value() -> None:
    every_second = np.arange(4, dtype="<i4")[::2]
    assert struct.pack(">hiihii", 1, 4, 0, 1, 4, 2) == binary_rows([every_second])


def test_a_file_has_the_signature_and_the_trailer() -> None:
    file = binary_file(memoryview(b"rows"), memoryview(b""), memoryview(b"more"))
    assert file.readall() == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"rowsmore" + b"\xff\xff"


def test_a_file_can_be_read_in_steps_of_any_size() -> None:
    file = binary_file(memoryview(b"rows"))
    assert b"".join(iter(lambda: file.read(3), b"")) == binary_file(memoryview(b"rows")).readall()


@pytest.mark.parametrize(
    "columns",
    [
        [np.array([1], np.int64)],
        [np.array(["2000-01-01"], dtype="datetime64[ns]")],
        [np.array(["NaT"], dtype="datetime64[us]")],
        [np.array([b"T1", b"T10"])],
        [np.array([1.0]), np.array([1.0, 2.0])],
        [None],
    ],
    ids=["int64", "nanoseconds", "NaT", "texts of two lengths", "lengths differ", "only null"],
)
def test_columns_without_an_encoding_are_rejected(columns: list[NDArray[Any]]) -> None:
    with pytest.raises(ValueError, match=r"length|NaT|encoding"):
        binary_rows(columns)


def test_decoding_reverses_encoding() -> None:
    columns = [np.array(["1999-12-31", "2025-12-05"], "datetime64[us]"), np.array([1, 2], np.int32),
             np.array([1.5, -0.0])]  # fmt: skip
    file = binary_file(binary_rows(columns)).readall()
    decoded = binary_columns(file, ("datetime64[us]", "int32", "float64"))
    for column, other in zip(columns, decoded, strict=True):
        assert (column.dtype, column.tobytes()) == (other.dtype, other.tobytes())


def test_a_file_without_rows_has_empty_columns() -> None:
    (column,) = binary_columns(binary_file().readall(), ("float64",))
    assert (len(column), column.dtype) == (0, np.dtype(np.float64))


ONE = np.array([1.0])
UNEXPECTED: dict[str, list[NDArray[Any] | None]] = {
    "another type": [np.array([1, 2], np.int32)],
    "another column": [ONE, ONE],
    "a null": [ONE, None],
}


@pytest.mark.parametrize("columns", UNEXPECTED.values(), ids=UNEXPECTED)
def test_a_file_with_unexpected_rows_is_rejected(columns: list[NDArray[Any] | None]) -> None:
    file = binary_file(binary_rows(columns)).readall()
    with pytest.raises(ValueError, match="other columns, or NULLs"):
        binary_columns(file, ("float64",))
