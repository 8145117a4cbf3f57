"""Tables on narrow terminals."""

import pytest

from lrtune.service.cli.output import print_table


@pytest.mark.parametrize("columns", ["10", "40", "60"])
def test_no_column_of_a_table_is_lost_on_a_narrow_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    row = ("cifar10-resnet", "running", "12", "learning_rate", "50 trials", "family=cnn", "2026-03-01 10:00")
    heads = ("study", "state", "trials", "searches", "budget", "tags", "created")
    print_table(heads, [row], words=("study", "searches"))
    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines}) == 1, "a table, whose lines are equally long"
    for name in heads:
        assert name in lines[1]
    assert "cifar10-resnet" in lines[3]
    assert "learning_rate" in lines[3]
