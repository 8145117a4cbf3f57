"""Range tests as people paste them: read as they are meant, or refused with the line."""

import math

import pytest

from lrtune.service.web.tools.table import Unreadable, read_table

RATES, LOSSES = [0.001, 0.01, 0.1], [2.5, 1.5, 3.0]


@pytest.mark.parametrize(
    "text",
    [
        "0.001,2.5\n0.01,1.5\n0.1,3",
        "lr,loss\n0.001,2.5\n0.01,1.5\n0.1,3\n",
        "learning rate, training loss\r\n1e-3, 2.5\r\n1e-2, 1.5\r\n1e-1, 3.0\r\n",
        "0,001;2,5\n0,01;1,5\n0,1;3,0",
        "0,001\t2,5\n0,01\t1,5\n0,1\t3",
        "0,001 2,5\n0,01 1,5\n0,1 3,0",
        "0.001   2.5\n# a comment\n\n0.01 1.5\n0.1 3",
        "step,lr,train_loss\n1,0.001,2.5\n2,0.01,1.5\n3,0.1,3",
        "loss;lr\n2,5;0,001\n1,5;0,01\n3;0,1",
        '"lr","loss"\n"0.001","2.5"\n"0.01","1.5"\n"0.1","3"',
        "\ufefflr,loss\n0.001,2.5\n0.01,1.5\n0.1,3",
        '{"learning_rates": [0.001, 0.01, 0.1], "losses": [2.5, 1.5, 3]}',
        "[[0.001, 2.5], [0.01, 1.5], [0.1, 3]]",
        '[{"lr": 0.001, "loss": 2.5}, {"lr": 0.01, "loss": 1.5}, {"lr": 0.1, "loss": 3}]',
    ],
)
def test_a_table_is_read_as_it_is_meant(text: str) -> None:
    found = read_table(text)
    assert found.learning_rates == RATES
    assert found.losses == [LOSSES]


def test_losses_that_are_no_numbers_end_a_test_and_further_columns_are_seeds() -> None:
    found = read_table("lr,loss 1,loss 2\n0.001,2.5,2.6\n0.01,1.5,nan\n0.1,inf,")
    assert found.losses[0][:2] == [2.5, 1.5]
    assert math.isinf(found.losses[0][2])
    assert found.losses[1][0] == 2.6
    assert math.isnan(found.losses[1][1])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing in it"),
        ("# only\n", "only comments"),
        ("lr,loss\n0.001,2.5\n0.01,abc\n", "line 3: 'abc' is no number"),
        ("lr,loss\n0.001,2.5\n\nx,1\n", "line 4: 'x' is no number"),
        ("0.01,2\n0.001,3\n", "line 2: the rates must rise from line to line, but 0.001 follows on 0.01"),
        ("0,2\n0.001,3\n", "line 1: a learning rate must be above 0"),
        ("nan,2\n", "line 1: a learning rate must be above 0"),
        ("1,0.001,2\n2,0.01,3\n3,0.1,3\n", "line 1: the first column counts steps"),
        ("epoch,a,b\n1,0.001,2\n", "line 1: no column is called learning_rate or lr"),
        ("lr,a,b\n1,0.001,2\n", "line 1: no column is called loss"),
        ("lr\n1\n", "line 1: there is one column"),
        ("0.001\n0.01\n", "there is no loss in it"),
        ("lr,loss\n0.001,\n0.01,2\n", "line 3: there is a loss here, but none in the line before it"),
        ('{"learning_rates": [1]', "line 1: this is no JSON"),
        ('{"a": 1}', "JSON must be"),
        ("[[1, 2, 3]]", "item 1: must be a pair"),
        ("[1]", "item 1: must be a pair"),
        ('{"lr": [1, 2], "losses": [1, "x"]}', "losses, item 2: 'x' is no number"),
        ('{"lr": [1], "losses": [1, 2]}', "one for each rate"),
        ("[" * 100_000, "no JSON|too deep"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_table(text)
