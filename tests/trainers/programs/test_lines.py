from lrtune.trainers.programs.lines import LONGEST_BYTES, Line, Lines


def test_a_line_without_an_end_takes_no_more_memory_than_its_limit() -> None:
    lines = Lines()
    for _ in range(100):
        assert list(lines.take(b"x" * LONGEST_BYTES)) == []
    (last,) = lines.end()
    assert len(last.text) == LONGEST_BYTES


def test_lines_come_whole_out_of_pieces_of_any_size() -> None:
    content = "a\r\nü\rb\n\nc".encode()
    lines = Lines()
    found = [line for byte in content for line in lines.take(bytes([byte]))]
    assert [*found, *lines.end()] == [Line("a"), Line("ü", overwritten=True), Line("b"), Line(""), Line("c")]
