import sys

import pytest

from lrtune.service.cli.progress import alive, end_fallback


def test_a_wait_is_said_after_two_seconds_and_then_every_thirty() -> None:
    now, said = [0.0], list[str]()
    with alive("saving the database", say=said.append, clock=lambda: now[0], every_seconds=None) as shown:
        for at in (1.9, 2.0, 31.0, 32.0, 61.0):
            now[0] = at
            shown.look()
        shown.count(12_000, 40_000)
        now[0] = 62.0
        shown.look()
    assert said == [
        "saving the database, 2 s so far",
        "saving the database, 32 s so far",
        "saving the database: 12,000 of 40,000 rows, 62 s so far",
    ]


def test_it_goes_to_standard_error_and_never_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with alive("saving", clock=lambda: now[0], every_seconds=None) as shown:
        now[0] = 3.0
        shown.look()
        now[0] = 40.0
        shown.look()
    assert capsys.readouterr() == ("", "lrtune: saving, 3 s so far\nlrtune: saving, 40 s so far\n")


def test_a_command_that_prints_speaks_for_itself_from_then_on() -> None:
    now, said = [0.0], list[str]()
    with alive("waiting", say=said.append, clock=lambda: now[0], every_seconds=None) as shown:
        sys.stdout.write("the first line\n")
        now[0] = 10.0
        shown.look()
    assert said == []


def test_of_two_the_inner_is_shown_and_a_fallback_ends_where_a_command_shows_itself() -> None:
    now, said = [0.0], list[str]()
    how = {"say": said.append, "clock": lambda: now[0], "every_seconds": None}
    with alive("still working", **how) as outer:  # type: ignore[arg-type]
        with alive("saving", **how) as inner:  # type: ignore[arg-type]
            now[0] = 5.0
            outer.look()
            inner.look()
        assert said == ["saving, 5 s so far"]
        end_fallback()
        outer.look()
    assert len(said) == 1
