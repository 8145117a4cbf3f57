"""What is sent to PostgreSQL: statements with numbered parameters, and their values as text."""

import pytest

from lrtune.service.storage.database.postgres_pipeline import encoded, numbered


def test_placeholders_become_numbers_in_order() -> None:
    text, names = numbered("UPDATE t SET a = %(a)s::INTEGER, b = %(b)s WHERE a <> %(a)s AND b LIKE '%%x'")
    assert text == b"UPDATE t SET a = $1::INTEGER, b = $2 WHERE a <> $1 AND b LIKE '%x'"
    assert names == ("a", "b")


@pytest.mark.parametrize(
    ("value", "sent"),
    [(None, None), (True, b"t"), (False, b"f"), (7, b"7"), (1e-300, b"1e-300"), (0.1, b"0.1"), ("é", b"\xc3\xa9")],
)
def test_values_are_sent_as_postgresql_reads_them(value: object, sent: bytes | None) -> None:
    assert encoded(value) == sent


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ([], b"{}"),
        ([1, None, -0.5], b"{1,NULL,-0.5}"),
        (["NaN", 'a"b\\c', "", "NULL", "é"], b'{"NaN","a\\"b\\\\c","","NULL","\xc3\xa9"}'),
    ],
)
def test_a_list_is_sent_as_an_array(values: list[object], sent: bytes) -> None:
    assert encoded(values) == sent


def test_a_value_of_an_unknown_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="bytes"):
        encoded(b"raw")
