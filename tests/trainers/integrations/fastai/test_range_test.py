import random
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("fastai", reason="needs lrtune[fastai]: make frameworks")

from fastai.basics import Callback, OptimWrapper
from fastai.callback.tracker import EarlyStoppingCallback

from lrtune import Client, RangeTest, TrainingError
from lrtune.fastai import TrialCallback, range_test
from tests.fake_service import FakeService
from tests.trainers.integrations.fastai.small import learner, loaders


def split(model: Any) -> list[Any]:
    """Two parameter groups."""
    return [list(model[:2].parameters()), list(model[2:].parameters())]


def test_it_answers_as_the_range_test_of_torch_does() -> None:
    tested = range_test(learner())
    assert isinstance(tested, RangeTest)
    assert tested.seeds == (0, 1, 2)
    assert 1e-4 < tested.analysis.recommended < 1


def state(learn: Any) -> list[Any]:
    """All that a training depends on, to compare; what was recorded, too."""
    tensors = [one.clone() for one in learn.model.state_dict().values()]
    if learn.opt is not None:
        tensors += [v.clone() for one in learn.opt.state_dict()["state"] for v in one.values() if torch.is_tensor(v)]
    plain = [
        learn.opt is None or [dict(one) for one in learn.opt.hypers],
        [cb.name for cb in learn.cbs],
        sorted(vars(learn)),
        list(learn.recorder.losses) if hasattr(learn.recorder, "losses") else None,
        learn.recorder.smooth_loss.count,
        [one.rng.getstate() for one in learn.dls.loaders],
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        [one.requires_grad for one in learn.model.parameters()],
        [one.training for one in learn.model.modules()],
    ]
    return [[one.tolist() for one in tensors], plain]


@pytest.mark.parametrize("trained", [True, False])
def test_the_learner_is_put_back(trained: bool) -> None:
    learn = learner(dropout=0.2, splitter=split)
    if trained:
        learn.fit(1)
        learn.freeze()
    before = state(learn)
    range_test(learn, steps=20, seeds=2)
    assert state(learn) == before


def test_a_training_afterwards_is_the_same_as_without_it() -> None:
    losses = []
    for tested in (False, True):
        learn = learner(dropout=0.2)
        learn.fit(1)
        if tested:
            range_test(learn, steps=20, seeds=2)
        learn.fit(1)
        losses.append(learn.recorder.values)
    assert losses[0] == losses[1]


def test_callbacks_keep_their_places_though_progress_is_not_shown() -> None:
    class ProgressCallback(Callback):
        shown = 0

        def before_fit(self) -> None:
            self.shown += 1

    class Last(Callback):
        """After it."""

    learn, shows = learner(), ProgressCallback()
    learn.add_cbs([shows, Last()])
    before = list(learn.cbs)
    range_test(learn, steps=10, seeds=1)
    assert list(learn.cbs) == before
    assert shows.shown == 0
    assert shows.learn is learn


def test_an_optimizer_that_is_made_already_is_put_back() -> None:
    learn = learner()
    learn.opt_func = OptimWrapper(opt=torch.optim.AdamW(learn.model.parameters(), 0.05))
    range_test(learn, steps=10, seeds=1)
    assert learn.opt_func.opt.param_groups[0]["lr"] == 0.05
    assert not learn.opt_func.opt.state_dict()["state"]


def test_the_same_seed_gives_the_same_losses_and_another_one_others() -> None:
    learn = learner()
    first, again, other = (range_test(learn, steps=20, seeds=[seed]).losses[0] for seed in (4, 4, 5))
    assert first == again != other


class Seen:
    """An optimizer's rates at each step."""

    def __init__(self, learn: Any) -> None:
        self.rates: list[list[float]] = []
        learn.create_opt()
        step = learn.opt.step

        def noted() -> None:
            self.rates.append([one["lr"] for one in learn.opt.hypers])
            step()

        learn.opt.step = noted


def test_parameter_groups_keep_their_ratios_and_the_highest_is_the_rate() -> None:
    learn = learner(splitter=split, lr=slice(1e-4, 1e-3))
    seen = Seen(learn)
    tested = range_test(learn, low=1e-4, high=1e-2, steps=10, seeds=1)
    assert [pair[1] for pair in seen.rates] == pytest.approx(tested.learning_rates)
    assert [pair[0] for pair in seen.rates] == pytest.approx([rate / 10 for rate in tested.learning_rates])


def test_frozen_layers_stay_as_they_are_and_a_stopping_callback_is_off() -> None:
    learn = learner(EarlyStoppingCallback(min_delta=1e9, patience=1), splitter=split)
    learn.freeze()
    assert len(range_test(learn, steps=40, high=1e-3, seeds=1).losses[0]) == 40


def test_nothing_is_reported(client: Client, service: FakeService) -> None:
    with next(client.study("s").leases()) as trial:
        range_test(learner(TrialCallback(trial)), steps=20, seeds=1)
        trial.complete(0.5)
    assert service.bodies("/reports") == []


def test_it_stops_where_the_loss_diverges() -> None:
    (losses,) = range_test(learner(), low=1e-3, high=1e30, steps=60, seeds=1).losses
    assert len(losses) < 60


# Bad input


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"low": 1.0, "high": 0.1}, "low must be below high"),
        ({"steps": 9}, "steps must be at least 10"),
        ({"seeds": []}, "seeds must name at least one seed"),
        ({"seeds": 0}, "seeds must be at least 1"),
    ],
)
def test_what_cannot_be_tested_is_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        range_test(learner(), **how)


def test_one_batch_is_too_little() -> None:
    learn = learner()
    learn.dls = loaders(batch_size=160)
    words = r"^there is one batch to train on.*: give the DataLoaders a smaller batch size$"
    with pytest.raises(TrainingError, match=words):
        range_test(learn)


def test_a_model_with_nothing_to_train_is_refused() -> None:
    learn = learner()
    learn.model.requires_grad_(False)
    with pytest.raises(TrainingError, match="no trainable parameter"):
        range_test(learn)
