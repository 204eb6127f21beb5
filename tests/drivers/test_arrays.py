"""A list as one text."""

from datetime import UTC, date, datetime

import pytest

from drivers.db.arrays import array_literal


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "{}"),
        ([1, None, -2], "{1,NULL,-2}"),
        ([0.1 + 0.2], "{0.30000000000000004}"),
        ([True, False], "{True,False}"),
        ([date(2026, 1, 2)], "{2026-01-02}"),
        ([datetime(2026, 1, 2, 3, tzinfo=UTC)], "{2026-01-02 03:00:00+00:00}"),
        (["a", None, "NULL"], '{"a",NULL,"NULL"}'),
        (['"', "\\", "{,}"], r'{"\"","\\","{,}"}'),
    ],
)
def test_the_text_of_an_array(values, text):
    assert array_literal(values) == text


def test_what_an_array_does_not_take_is_refused():
    with pytest.raises(TypeError, match="bytes"):
        array_literal([b"1"])
