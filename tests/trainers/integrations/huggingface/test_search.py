from pathlib import Path
from typing import Any

import pytest

transformers = pytest.importorskip("transformers", reason="needs lrtune[huggingface]: make frameworks")

from lrtune import Client, TrainingError  # noqa: E402
from lrtune.huggingface import hyperparameter_search  # noqa: E402
from tests.fake_service import FakeService  # noqa: E402
from tests.trainers.integrations.huggingface.small import model, trainer  # noqa: E402

RATE = {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}


def new() -> Any:
    """A model with its first weights."""
    return model()


class Lengths(transformers.TrainerCallback):
    """Notes how long each training was to be, with which rate and batch size."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float, int]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.seen.append((state.max_steps, args.learning_rate, args.per_device_train_batch_size))


def test_a_study_is_trained_with_short_trainings_first_and_gives_the_best_run(address: str, tmp_path: Path) -> None:
    lengths = Lengths()
    made = trainer(tmp_path, lengths, model_init=new, num_train_epochs=4.5)
    before = vars(made.args).copy()
    with Client(address) as client:
        study = client.create_study("search", search_space={"learning_rate": RATE}, max_total_steps=33, max_steps=9)
        best = hyperparameter_search(made, study)
        trials = study.list()
        assert isinstance(best, transformers.trainer_utils.BestRun)
        assert best.run_summary.learning_rate == study.suggestion().learning_rate
    assert {trial.state for trial in trials} <= {"complete", "pruned", "diverged"}
    assert [rate for _, rate, _ in lengths.seen] == [trial.params["learning_rate"] for trial in trials]
    # 4.5 epochs of four optimizer steps, over nine steps of the study: two a step.
    assert [steps for steps, _, _ in lengths.seen] == [2 * trial.max_steps for trial in trials]
    assert min(trial.max_steps for trial in trials) < 9
    assert best.hyperparameters == {"learning_rate": trials[int(best.run_id)].params["learning_rate"]}
    assert vars(made.args) == before


def test_a_batch_size_is_that_of_a_device(address: str, tmp_path: Path) -> None:
    lengths = Lengths()
    made = trainer(tmp_path, lengths, model_init=new, num_train_epochs=1, lr_scheduler_type="constant")
    space = {"learning_rate": RATE, "batch_size": {"type": "categorical", "choices": [8, 32]}}
    with Client(address) as client:
        study = client.create_study(
            "batches", search_space=space, max_trials=2, max_steps=1, sampler={"name": "grid", "points": 2}
        )
        hyperparameter_search(made, study)
    assert {(size, steps) for steps, _, size in lengths.seen} <= {(8, 8), (32, 2)}


def test_a_function_names_the_arguments(client: Client, service: FakeService, tmp_path: Path) -> None:
    lengths = Lengths()
    made = trainer(tmp_path, lengths, model_init=new)
    hyperparameter_search(
        made, client.study("s"), arguments=lambda params: {"learning_rate": params["learning_rate"] / 100}
    )
    assert [rate for _, rate, _ in lengths.seen] == [0.001, 0.001]


def test_a_trainer_without_model_init_is_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="make the Trainer with model_init=…, not model=…"):
        hyperparameter_search(trainer(tmp_path), client.study("s"))


def test_resumable_needs_checkpoints(client: Client, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="give TrainingArguments save_strategy='steps' or 'epoch'"):
        hyperparameter_search(trainer(tmp_path, model_init=new), client.study("s"), resumable=True)


def test_a_parameter_that_is_no_argument_is_named(client: Client, tmp_path: Path) -> None:
    made = trainer(tmp_path, model_init=new)
    with pytest.raises(TrainingError, match=r"depth: no field of TrainingArguments; give arguments=…"):
        hyperparameter_search(made, client.study("s"), arguments=lambda params: {"depth": 3})


def test_a_resumable_search_goes_on_from_checkpoints(client: Client, service: FakeService, tmp_path: Path) -> None:
    made = trainer(tmp_path, model_init=new, save_strategy="epoch")
    service.max_trials = 1
    hyperparameter_search(made, client.study("s"), resumable=True, keep_checkpoints=True)
    told = service.bodies("/reports")[-1]["checkpoint"]
    assert told["step"] == 2
    assert told["uri"].endswith("/checkpoint-8")
    service.resume, service.max_trials = told, 2
    service.calls.clear()
    kept = set(tmp_path.iterdir())
    hyperparameter_search(made, client.study("s"), resumable=True)
    assert [body["reports"][0]["step"] for body in service.bodies("/reports")] == [3]
    assert set(tmp_path.iterdir()) == kept, "the second trial is over, and not the best"
