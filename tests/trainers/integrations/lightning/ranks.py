"""Lightning's DDP in several processes, and what each of them saw: python ranks.py SERVER FOLDER."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import lightning

from lrtune import Client
from lrtune.distributed import leases
from lrtune.lightning import TrialCallback
from lrtune.trainers.integrations import reports
from tests.trainers.integrations.lightning.small import Net, fit

SERVER, FOLDER = sys.argv[1], Path(sys.argv[2])
RANK = int(os.environ["RANK"])

reports.WAITED_SHARE = 1e6  # Epochs of milliseconds end with their verdicts, as those of seconds do.


class Owner(lightning.pytorch.Callback):
    """Counts epochs; in the second trial the study's owner stops it within the second."""

    def __init__(self, number: int) -> None:
        self.number, self.epochs = number, 0

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.epochs += 1
        if RANK == 0 and (self.number, self.epochs) == (1, 2):
            Client(SERVER).study("lightning-ranks").update(stopped=True)


seen = []
spec = {"max_trials": 3, "max_steps": 3, "pruner": "none"}
for trial in leases(
    lambda: Client(SERVER).create_study("lightning-ranks", **spec), resumable=True, keep_checkpoints=True
):
    with trial:
        owner = Owner(trial.number)
        try:
            callback = TrialCallback(trial, checkpoints=FOLDER / "checkpoints")
            model = Net(trial.params["learning_rate"])
            fit(callback, owner, model=model, devices=2, strategy="ddp")
        finally:
            weights = [float(one.sum()) for one in model.parameters()]
            seen.append({"epochs": owner.epochs, "weights": weights})
    seen[-1]["outcome"] = trial.outcome
(FOLDER / f"{RANK}.json").write_text(json.dumps(seen))
