"""The short form of `bench local`."""

from tests.benchmarks.conftest import Bench


def test_reports_inside_the_process_are_counted_beside_those_over_loopback(bench: Bench) -> None:
    ran = bench("local", "--quick")
    assert ran.code == 0, ran.err
    head, _, *rows = ran.out.splitlines()
    assert head == "| threads | a service over loopback | inside the process | ratio |"
    assert [row.split(" | ")[0] for row in rows] == ["| 1", "| 8"]
    assert all(row.endswith(" × |") for row in rows)
