import pytest

from tests.benchmarks.conftest import Bench


def test_help_names_the_options(bench: Bench) -> None:
    ran = bench("storage", "--help")
    assert ran.code == 0
    for word in ("--quick", "--storage", "--postgres-url", "--sizes", "--rounds", "--only", "--stock-limit", "--json"):
        assert word in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "reports"], "there is no row 'reports': use one of report, work-random"),
        (["--sizes", "100,x"], "--sizes takes numbers from 1"),
        (["--sizes", "0"], "--sizes takes numbers from 1"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(bench: Bench, arguments: list[str], words: str) -> None:
    ran = bench("storage", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
