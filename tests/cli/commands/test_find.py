import json
import math
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService

pytest.importorskip("torch")

QUICK = ("--steps", "40", "--low", "1e-5", "--seeds", "2")

SCRIPT = """
import torch
from torch import nn
from torch.nn.functional import mse_loss


def setup():
    model = nn.Linear(4, 1)
    inputs = torch.randn(64, 4)
    batches = list(zip(inputs.split(8), inputs.sum(1, keepdim=True).split(8)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, optimizer, batches, lambda model, batch: mse_loss(model(batch[0]), batch[1])


def three_things():
    return setup()[:3]


def swapped():
    model, optimizer, batches, loss = setup()
    return optimizer, model, batches, loss


def one_batch():
    model, optimizer, batches, loss = setup()
    return model, optimizer, batches[:1], loss


def of_torch():
    print("loading the data")
    model = nn.Linear(4, 3)
    inputs, labels = torch.randn(64, 4), torch.randint(0, 3, (64,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, optimizer, list(zip(inputs.split(8), labels.split(8))), nn.CrossEntropyLoss()


def no_loss():
    return (*setup()[:3], "CrossEntropyLoss")


def quiet():
    model, optimizer, batches, loss = setup()
    inputs, targets = (torch.cat(parts) for parts in zip(*batches))
    return model, optimizer, [(inputs, targets)] * 2, loss


def stubborn():
    model, optimizer, batches, _ = setup()
    return model, optimizer, batches, lambda model, batch: 0.0 * model(batch[0]).mean() + 3.0
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(SCRIPT)
    return str(path)


def test_a_built_in_task_is_answered_with_every_rule_and_a_rate(lrtune: Lrtune, tmp_path: Path) -> None:
    picture = tmp_path / "find.png"
    ran = lrtune("find", "--task", "digits", "--optimizer", "momentum", *QUICK, "--plot", str(picture))
    assert ran.code == 0, ran.err
    for word in ("digits, optimizer momentum", "valley", "steepest", "slide", "minimum_over_10", "usable from"):
        assert word in ran.out
    rate = float(ran.out.splitlines()[-1].removeprefix("recommended learning_rate="))
    assert 1e-3 < rate < 1.0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_ones_own_model_comes_from_a_function(lrtune: Lrtune, script: str) -> None:
    ran = lrtune("find", "--task", f"{script}:setup", *QUICK, "--json")
    assert ran.code == 0, ran.err
    found = strict(ran.out)
    assert set(found["suggestions"]) == {"valley", "steepest", "slide", "minimum_over_10"}
    assert found["bounds"][0] < found["recommended"] < 1.0
    assert found["signal"] is True
    assert len(found["losses"]) == 2
    assert found["losses"][0] != found["losses"][1]  # each seed has weights of its own


def test_a_seed_gives_the_same_answer_again(lrtune: Lrtune, script: str) -> None:
    first, again = (lrtune("find", "--task", f"{script}:setup", *QUICK, "--json") for _ in range(2))
    assert first.out == again.out


def test_no_signal_is_an_answer_without_a_number(lrtune: Lrtune, script: str, tmp_path: Path) -> None:
    ran = lrtune("find", "--task", f"{script}:stubborn", *QUICK, "--plot", str(tmp_path / "flat.png"))
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-2:] == [
        "2 of 2 seeds show no signal. The loss does not fall: it begins at 3 and is 3 at best later; its noise is 0.",
        "There is no rate to recommend.",
    ]
    assert (tmp_path / "flat.png").exists()


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ("1e-5", "1e-2", "widen the test upwards. Run it again with --high 1."),
        ("3", "30", "widen the test downwards. Run it again with --low 0.003."),
    ],
)
def test_a_test_that_ends_too_soon_or_begins_too_late_says_what_to_type(
    lrtune: Lrtune, script: str, tmp_path: Path, low: str, high: str, said: str
) -> None:
    picture = tmp_path / "find.png"
    arguments = ("--low", low, "--high", high, "--steps", "60", "--plot", str(picture))
    ran = lrtune("find", "--task", f"{script}:quiet", *arguments)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-2].endswith(said)
    assert picture.exists()


def test_a_range_test_is_kept_with_a_study(lrtune: Lrtune, script: str, service: FakeService, address: str) -> None:
    service.fault = lambda request: (
        httpx2.Response(201, json=KEPT) if request.url.path.endswith("range-tests") else None
    )
    ran = lrtune("find", "--task", f"{script}:setup", *QUICK, "--study", "s")
    assert ran.code == 0, ran.err
    assert "kept with study s" in ran.out
    (body,) = service.bodies("/v1/studies/s/range-tests")
    assert len(body["losses"]) == len(body["learning_rates"]) >= len(body["other_seeds"][0])
    assert body["learning_rates"][0] == 1e-5
    assert all(isinstance(loss, float) and math.isfinite(loss) for loss in body["losses"][:-1])


KEPT = {
    "suggestions": {"valley": 0.1, "steepest": 0.1, "slide": 0.1, "minimum_over_10": 0.1},
    "recommended": 0.1,
    "bounds": [0.01, 1.0],
    "diverged_at": None,
    "signal": True,
    "reason": "",
    "number": 0,
    "batch_size": None,
    "optimizer": None,
    "smoothing": 0.98,
    "seeds": 2,
    "created_at": "2026-01-01T00:00:00Z",
    "learning_rates": [0.1],
    "losses": [[1.0]],
    "smoothed": [1.0],
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "digitz"], "there is no task 'digitz': did you mean 'digits'? use one of digits, digits-cnn"),
        (["--task", "decision-tree"], "decision-tree is not trained with a learning rate"),
        (["--task", "digits", "--optimizer", "adm"], "optimizer must be one of sgd, momentum"),
        (["--task", "digits", "--low", "0"], "low must be > 0, not 0"),
        (["--task", "digits", "--low", "nan"], "low must be finite, not nan"),
        (["--task", "digits", "--low", "20"], "low must be below high, not 20 and 10"),
        (["--task", "digits", "--steps", "9"], "steps must be at least 10, not 9"),
        (["--task", "digits", "--precision", "fp8"], "precision must be one of fp32, bf16, fp16"),
        (["--task", "digits", "--device", "tpu"], "device 'tpu' cannot be used"),
        (["--task", "{script}:setup", "--optimizer", "adam"], "optimizer belong to built-in tasks"),
        (["--task", "{script}:three_things"], "must return (model, optimizer, batches, loss_function), not 3 values"),
        (["--task", "{script}:swapped"], "not a SGD in place of a Module"),
        (["--task", "{script}:one_batch"], "batches has one batch only: give a smaller batch size"),
        (["--task", "{script}:no_loss"], "as its last value: there is no loss 'CrossEntropyLoss': write module:name"),
        (["--task", "{script}:nothing"], "has no 'nothing'"),
        (["--task", "{script}:setup", "--steps", "10", "--plot", "/nowhere/find.png"], "cannot be written"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_one_line(
    lrtune: Lrtune, script: str, arguments: list[str], words: str
) -> None:
    ran = lrtune("find", *(argument.format(script=script) for argument in arguments))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err


def test_the_optimizers_can_be_listed(lrtune: Lrtune) -> None:
    ran = lrtune("find", "--optimizers")
    assert ran.code == 0
    for name in ("sgd", "adadelta", "muon", "schedule_free"):
        assert name in ran.out


def test_a_loss_of_torch_will_do_and_what_the_script_prints_is_no_json(lrtune: Lrtune, script: str) -> None:
    ran = lrtune("find", "--task", f"{script}:of_torch", *QUICK, "--json")
    assert ran.code == 0, ran.err
    assert len(json.loads(ran.out)["losses"]) == 2
    assert ran.err.count("loading the data") == 2


def strict(text: str) -> dict[str, Any]:
    """As JSON.parse of a browser reads it: without NaN."""
    found: dict[str, Any] = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    return found


# A test that was made elsewhere


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "curve.csv"
    rates = [1e-6 * 10 ** (step / 10) for step in range(71)]
    losses = [2.3 - 2.0 / (1.0 + (0.003 / rate) ** 2) if rate < 1 else math.nan for rate in rates]
    path.write_text("lr,loss\n" + "".join(f"{rate},{loss}\n" for rate, loss in zip(rates, losses, strict=True)))
    return path


def test_a_history_is_answered_like_a_test_that_is_run(lrtune: Lrtune, history: Path, tmp_path: Path) -> None:
    picture = tmp_path / "find.png"
    ran = lrtune("find", "--history", str(history), "--plot", str(picture))
    assert ran.code == 0, ran.err
    for word in ("curve.csv: rates from 1e-06 to 10", "valley", "steepest", "usable from", "diverges at about 1"):
        assert word in ran.out
    shown = float(ran.out.splitlines()[-1].removeprefix("recommended learning_rate="))
    assert 1e-3 < shown < 1.0
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = strict(lrtune("find", "--history", str(history), "--json").out)
    assert found["recommended"] == pytest.approx(shown, rel=0.01)
    assert found["losses"][0][-1] == "nan"
    assert len(found["learning_rates"]) == len(found["losses"][0]) == 71


def test_a_history_is_kept_with_a_study(lrtune: Lrtune, history: Path, service: FakeService, address: str) -> None:
    service.fault = lambda request: (
        httpx2.Response(201, json=KEPT) if request.url.path.endswith("range-tests") else None
    )
    ran = lrtune("find", "--history", str(history), "--study", "s", "--optimizer", "adamw", "--batch-size", "64")
    assert ran.code == 0, ran.err
    (body,) = service.bodies("/v1/studies/s/range-tests")
    assert (body["optimizer"], body["batch_size"], body["losses"][-1]) == ("adamw", 64, "nan")


def test_a_history_that_ends_too_soon_says_what_to_do(lrtune: Lrtune, history: Path) -> None:
    history.write_text("".join(history.read_text().splitlines(keepends=True)[:38]))
    ran = lrtune("find", "--history", str(history))
    assert ran.code == 0, ran.err
    assert "widen the test upwards. Run it again up to 0.398." in ran.out


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        ([], "say what is tested: --task with a built-in task or module:function, or --history with a file", 2),
        (["--task", "digits", "--history", "a.csv"], "--task digits is run, and --history a.csv read: leave one", 2),
        (["--history", "a.csv", "--steps", "50"], "--steps is of a test that is run: leave it out with --history", 2),
        (["--history", "/nowhere/a.csv"], "/nowhere/a.csv cannot be read: No such file or directory", 1),
    ],
)
def test_a_history_that_cannot_be_read_ends_in_one_line(
    lrtune: Lrtune, arguments: list[str], words: str, code: int
) -> None:
    ran = lrtune("find", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("\n") == 1
    assert words in ran.err
