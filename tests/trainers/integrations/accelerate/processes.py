"""A training in several processes, and what each of them saw; started by torchrun, as by `accelerate launch`.

python processes.py SERVER FOLDER
"""

import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from lrtune import Client, LrtuneError, TrialStopped
from lrtune.accelerate import SharedTrial, leases

SERVER, FOLDER = sys.argv[1], Path(sys.argv[2])
accelerator = Accelerator(cpu=True)
client = Client(SERVER) if accelerator.is_main_process else None
seen: list[dict[str, object]] = []


def train(trial: SharedTrial, note: dict[str, object]) -> None:
    """A model on data that differ between the processes; gradients are shared, so weights are the same."""
    torch.manual_seed(trial.number)
    accelerator.free_memory()
    model = nn.Linear(4, 1)
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), trial.params["learning_rate"]))
    generator = torch.Generator().manual_seed(accelerator.process_index)
    for step in range(1, 4):
        x = torch.rand(8, 4, generator=generator)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        mean = accelerator.gather(loss.detach()).mean()
        note["losses"] = [*note.get("losses", []), float(mean)]  # type: ignore[misc]
        if trial.number == 1 and step == 2 and client is not None:
            client.study("of-two-processes").update(stopped=True)
        note["stop"] = [*note.get("stop", []), trial.should_stop]  # type: ignore[misc]
        trial.report(step, mean, wait_seconds=10)
    note["weights"] = [float(one.sum()) for one in model.parameters()]


def open_study() -> object:
    assert client is not None, "only the main process opens it"
    return client.create_study("of-two-processes", max_trials=4, max_steps=3, pruner="none")


for trial in leases(accelerator, open_study, keep_checkpoints=True):
    note: dict[str, object] = {"number": trial.number, "params": trial.params, "max_steps": trial.max_steps}
    note["kept"] = trial.keep_checkpoints
    seen.append(note)
    with trial:
        try:
            train(trial, note)
        except TrialStopped as stopped:
            note["verdict"] = stopped.reason
            raise

# A study whose only trial is on lease elsewhere: the main process waits for it, and the others for that.
if client is not None:
    other = client.create_study("busy", max_trials=1, max_steps=3, lease_ttl_seconds=5, max_attempts=2)
    next(other.leases("elsewhere"))
for trial in leases(accelerator, lambda: client.study("busy")):  # type: ignore[union-attr]
    note = {"number": trial.number, "attempt": trial.attempt}
    seen.append(note)
    with trial:
        try:
            trial.report(4, 0.5)
        except LrtuneError as error:
            note["error"] = f"{type(error).__name__}: {error}"
        trial.complete(0.25)

(FOLDER / f"{accelerator.process_index}.json").write_text(json.dumps(seen))
accelerator.end_training()
