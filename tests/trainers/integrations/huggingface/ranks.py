"""Hugging Face's Trainer in several processes, and what each of them saw: python ranks.py SERVER FOLDER."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import transformers

from lrtune import Client
from lrtune.distributed import leases
from lrtune.huggingface import TrialCallback
from lrtune.trainers.integrations import reports
from tests.trainers.integrations.huggingface.small import trainer

SERVER, FOLDER = sys.argv[1], Path(sys.argv[2])
RANK = int(os.environ["RANK"])

reports.WAITED_SHARE = 1e6  # Epochs of milliseconds end with their verdicts, as those of seconds do.


class Owner(transformers.TrainerCallback):
    """In the second trial the study's owner stops it within the second epoch."""

    def __init__(self, number: int) -> None:
        self.number, self.epochs = number, 0

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.epochs += 1
        if RANK == 0 and (self.number, self.epochs) == (1, 2):
            Client(SERVER).study("huggingface-ranks").update(stopped=True)


seen = []
spec = {"max_trials": 3, "max_steps": 3, "pruner": "none"}
for trial in leases(lambda: Client(SERVER).create_study("huggingface-ranks", **spec), anneals=True):
    with trial:
        owner = Owner(trial.number)
        made = trainer(
            FOLDER / f"output-{trial.number}",
            *(TrialCallback(trial), owner),
            learning_rate=trial.params["learning_rate"],
        )
        try:
            made.train()
        finally:
            weights = [float(one.sum()) for one in made.model.parameters()]
            seen.append({"epochs": owner.epochs, "weights": weights})
    seen[-1]["outcome"] = trial.outcome
(FOLDER / f"{RANK}.json").write_text(json.dumps(seen))
