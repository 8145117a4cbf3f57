import json
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.conftest import Bench

pytest.importorskip("torch")


def file_of_trainings(path: Path) -> None:
    """One task whose loss is lowest at 1e-2, and a range test that falls to 1e-1."""
    rates = 10.0 ** np.arange(-4, 1)
    tested = 10.0 ** np.linspace(-5, 1, 100)
    losses = np.where(tested < 0.1, 2.0 - 1.5 / (1 + (1e-2 / tested) ** 2), 50.0 * tested)
    np.savez(
        path,
        tasks=np.array(["t"]),
        optimizers=np.array(["sgd"]),
        learning_rates=rates,
        final_loss=np.array([1.0, 0.5, 0.1, 0.105, np.inf]).reshape(1, 1, 5, 1, 1),
        range_learning_rates=tested,
        range_losses=losses.reshape(1, 1, 1, 100),
    )


def test_a_file_of_trainings_is_judged(bench: Bench, tmp_path: Path) -> None:
    file_of_trainings(tmp_path / "small-trainings.npz")
    ran = bench("finder", "--data", str(tmp_path), "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["cells"] == 1
    rows = {row["rule"]: row for row in found["rows"]}
    assert rows["fixed 1e-2"]["within"] == [1.0, 1.0]
    assert (rows["fixed 1e-3"]["within"], rows["fixed 1e-3"]["worse"]) == ([0.0, 0.0], 0.0)
    assert rows["fixed 1e-3"]["median_error"] == pytest.approx(1.0)
    shown = bench("finder", "--data", str(tmp_path / "small-trainings.npz"))
    assert "fixed 1e-2" in shown.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "/nowhere"], "there is no file /nowhere"),
        (["--task", "digitz"], "--task 'digitz' is not known: use one of digits"),
        (["--optimizer", "adm"], "--optimizer 'adm' is not known: use one of sgd"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(bench: Bench, arguments: list[str], words: str) -> None:
    ran = bench("finder", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
