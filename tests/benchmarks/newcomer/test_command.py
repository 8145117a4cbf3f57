"""The short form of `bench newcomer`."""

from tests.benchmarks.conftest import Bench


def test_the_short_form_counts_lines_and_times_imports_and_completion(bench: Bench) -> None:
    ran = bench("newcomer", "--quick")
    assert ran.code == 0, ran.err
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in ran.out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["lines typed", "`import lrtune`", "`lrtune`, Tab"]
    assert rows[0][1:] == ["12", "≤ 12", "holds"]
