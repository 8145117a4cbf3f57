"""Lines of a spool file: whatever was cut or flipped, what is read is what was written first."""

from hypothesis import given
from hypothesis import strategies as st

from lrtune.trainers.client.spool.lines import line_of, whole_lines

BODIES = st.lists(st.binary(max_size=40).map(lambda body: body.replace(b"\n", b" ")), min_size=1, max_size=8)


def read(content: bytes) -> list[bytes]:
    return [body for body, _ in whole_lines(content)]


@given(BODIES)
def test_what_was_written_is_read(bodies: list[bytes]) -> None:
    content = b"".join(map(line_of, bodies))
    assert read(content) == bodies
    assert [end for _, end in whole_lines(content)][-1] == len(content)


@given(BODIES, st.data())
def test_a_file_cut_anywhere_is_read_up_to_its_last_whole_line(bodies: list[bytes], data: st.DataObject) -> None:
    lines = list(map(line_of, bodies))
    cut = data.draw(st.integers(0, sum(map(len, lines))))
    whole = next(n for n in range(len(lines), -1, -1) if sum(map(len, lines[:n])) <= cut)
    assert read(b"".join(lines)[:cut]) == bodies[:whole]


@given(BODIES, st.data())
def test_a_flipped_byte_ends_the_reading_at_its_line_and_changes_nothing_before_it(
    bodies: list[bytes], data: st.DataObject
) -> None:
    lines = list(map(line_of, bodies))
    content = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    in_line = next(n for n in range(len(lines)) if at < sum(map(len, lines[: n + 1])))
    assert read(bytes(content)) == bodies[:in_line]


@given(BODIES, st.binary(max_size=40))
def test_what_is_appended_to_the_last_whole_line_is_never_taken_for_one(bodies: list[bytes], more: bytes) -> None:
    content = b"".join(map(line_of, bodies))
    assert read(content + more)[: len(bodies)] == bodies
