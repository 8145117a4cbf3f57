"""Range tests that were made elsewhere: files that are read, and files that are refused in one line."""

import math
from pathlib import Path

import pytest

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.range_test.history import MOST_ROWS, read_history
from lrtune.trainers.range_test.result import RangeTest

RATES = [1e-6 * 10 ** (step / 10) for step in range(71)]
LOSSES = [2.3 - 2.0 / (1.0 + (0.003 / rate) ** 2) + max(0.0, rate - 0.5) ** 2 * 40.0 for rate in RATES]


def read(folder: Path, text: str) -> RangeTest:
    path = folder / "curve.csv"
    path.write_text(text)
    return read_history(path)


def table(separator: str = ",", header: str = "learning_rate,loss", decimal: str = ".") -> str:
    rows = [f"{rate!r}{separator}{loss!r}".replace(".", decimal) for rate, loss in zip(RATES, LOSSES, strict=True)]
    return "\n".join([header.replace(",", separator), *rows]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(table(), id="a table"),
        pytest.param(table(";", decimal=","), id="of another locale"),
        pytest.param(table("\t", "LR,Train Loss").replace("\n", "\r\n"), id="with tabs, from Windows"),
        pytest.param("\ufeff\n" + table(", ", '"rate","value"'), id="with a mark of byte order"),
        pytest.param(
            "".join(f'{{"lr": {rate!r}, "loss": {loss!r}}}\n' for rate, loss in zip(RATES, LOSSES, strict=True)),
            id="lines of JSON",
        ),
        pytest.param(
            "step,learning_rate,loss,val_loss\n"
            + "".join(f"{n},{RATES[n]!r},{LOSSES[n]!r},9\n{n},,,1\n{n},{RATES[n]!r},,\n" for n in range(71)),
            id="with gaps, as loggers leave them",
        ),
        pytest.param(
            "lr,loss\n"
            + "".join(f"{RATES[n]!r},{LOSSES[n] - 0.5!r}\n{RATES[n]!r},{LOSSES[n] + 0.5!r}\n" for n in range(71)),
            id="with rates that are held",
        ),
    ],
)
def test_a_test_is_read_whoever_wrote_it(tmp_path: Path, text: str) -> None:
    tested = read(tmp_path, text)
    assert tested.learning_rates == pytest.approx(RATES)
    assert tested.losses[0] == pytest.approx(LOSSES)
    assert tested.analysis.recommended == pytest.approx(RangeTest.of(RATES, [LOSSES], (0,)).analysis.recommended)
    assert tested.analysis.recommended is not None
    assert tested.analysis.diverged_at is not None


def test_losses_may_be_nan_where_it_diverged(tmp_path: Path) -> None:
    rows = [f"{rate!r},{loss!r}" if rate < 1 else f"{rate!r},NaN" for rate, loss in zip(RATES, LOSSES, strict=True)]
    tested = read(tmp_path, "\n".join(["lr,loss", *rows]))
    assert math.isnan(tested.losses[0][-1])
    assert tested.analysis.diverged_at == pytest.approx(1.0, rel=0.3)


def test_a_file_that_begins_again_is_of_several_seeds(tmp_path: Path) -> None:
    tested = read(tmp_path, table() + "\n".join(table().splitlines()[1:60]))
    assert [len(curve) for curve in tested.losses] == [71, 59]
    assert tested.seeds == (0, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: its first line names the columns, learning_rate,loss"),
        (" \n\n", "is empty"),
        ("lr,loss\n", "holds no row with a rate and a loss: a range test needs 10, better 100"),
        ("lr,loss\n0.1,2\n", "holds one row with a rate and a loss"),
        ("lr,loss\n0.1,\n0.2,\n", "holds no row with a rate and a loss"),
        ("a,b\n1,2\n", "has no column of rates: the first line must name one of learning_rate, lr, rate,"),
        ("1e-5,2.3\n1e-4,2.2\n", "has no column of rates"),
        ("lr,error\n1,2\n", "has no column of losses: the first line must name one of loss, train_loss"),
        ("lr,loss\n0.1,2\n0.01,2\n", "line 3: the rate falls from 0.1 to 0.01, and a range test only raises it"),
        ("lr,loss\n0.1,2\n0.2,2\n0.1,1\n0.3,1\n", "line 4: a second test begins here, with other rates"),
        ("lr,loss\n0.1,2\n0.1,1\n", "has one rate only, 0.1: a range test raises it"),
        ("lr,loss\n0,2\n0.1,1\n", "line 2: the rate must be finite and > 0, not 0: leave that row out"),
        ("lr,loss\nnan,2\n0.1,1\n", "line 2: the rate must be finite and > 0, not nan"),
        ("lr,loss\n0.1,2\n0.2,low\n", "line 3: the loss 'low' is no number"),
        ('{"lr": 0.1, "loss": 2}\nx\n', 'line 2: no JSON like {"learning_rate": 0.001, "loss": 2.3}'),
        ('{"rate": 0.1, "error": 2}\n', "has no column of losses"),
        ('{"rate": 0.1, "loss": true}\n{"rate": 0.1, "loss": 2}', "line 1: the loss 'True' is no number"),
        ("lr,loss\n" + "0.1,1\n" * (MOST_ROWS + 1), "holds more than 100,000 rows"),
    ],
)
def test_what_is_no_range_test_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(TrainingError) as refused:
        read(tmp_path, text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "curve.csv"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none\.csv cannot be read: No such file"):
        read_history(tmp_path / "none.csv")
    with pytest.raises(TrainingError, match="cannot be read: Is a directory"):
        read_history(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match="is no text in UTF-8"):
        read_history(tmp_path / "binary")
