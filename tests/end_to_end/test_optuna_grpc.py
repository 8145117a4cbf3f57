"""An unchanged Optuna script of eight processes with the service as its storage, while the HTTP API is in use."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import optuna
import pytest

from tests.end_to_end.conftest import START_SECONDS, environ
from tests.support.mirrors import fields_of, read_by_optuna
from tests.support.processes import Programs

PROCESSES, TRIALS_EACH, STEPS = 8, 10, 4

SCRIPT = """
import json, multiprocessing, os, sys
import optuna
from optuna.storages import GrpcStorageProxy

port, folder, study_name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
optuna.logging.set_verbosity(optuna.logging.WARNING)

def work():
    seen = []

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-6, 1.0, log=True)
        note = {"number": trial.number, "rate": rate, "curve": {}, "state": "COMPLETE", "value": None}
        seen.append(note)
        trial.set_user_attr("process", os.getpid())
        for step in range(STEPS):
            value = abs(rate - 0.01) + 1 / (step + 1)
            trial.report(value, step)
            note["curve"][step] = note["value"] = value
            if trial.should_prune():
                note["state"] = "PRUNED"
                raise optuna.TrialPruned()
        return value

    storage = GrpcStorageProxy(host="127.0.0.1", port=port)
    study = optuna.load_study(
        study_name=study_name,
        storage=storage,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    study.optimize(objective, n_trials=TRIALS_EACH)
    with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as file:
        json.dump(seen, file)

if __name__ == "__main__":
    processes = [multiprocessing.Process(target=work) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))
"""


def use_the_api(base: str, until: threading.Event, answers: list[int]) -> None:
    """Ask, report and end trials of a study of our own, until told to stop; note each answer's status."""
    with httpx2.Client(base_url=base, timeout=30) as client:
        number = 0
        while not until.is_set():
            number += 1
            asked = client.post("/v1/studies/ours/trials", json={"worker": "w", "request_id": f"r-{number}"})
            trial = asked.json()
            path, lease = f"/v1/studies/ours/trials/{trial['number']}", trial["lease"]
            told = client.post(f"{path}/reports", json={"lease": lease, "reports": [{"step": 1, "value": 0.5}]})
            ended = client.post(f"{path}/result", json={"lease": lease, "state": "complete", "value": 0.5})
            status = client.get("/v1/studies/theirs/status")
            answers += [asked.status_code, told.status_code, ended.status_code, status.status_code]


def test_an_optuna_script_of_eight_processes_uses_the_service_as_its_storage(
    programs: Programs, storage_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", "0"]
    service = programs.start(command, environ(LRTUNE_STORAGE=storage_url, LRTUNE_OPTUNA_PORT="0"))
    http = service.wait_for_line(r"^lrtune serving on (http://127.0.0.1:\d+)$", START_SECONDS)[1]
    port = service.wait_for_line(r"^lrtune serving Optuna's gRPC protocol on 127.0.0.1:(\d+)$", 5)[1]
    for name in ("theirs", "ours"):
        spec = {"name": name, "sampler": {"name": "random"}, "pruner": {"name": "none"}}
        assert httpx2.post(f"{http}/v1/studies", json=spec).status_code == 201
    script, seen_by = tmp_path / "script.py", tmp_path / "seen"
    seen_by.mkdir()
    constants = f"PROCESSES, TRIALS_EACH, STEPS = {PROCESSES}, {TRIALS_EACH}, {STEPS}\n"
    script.write_text(constants + SCRIPT)

    done, answers = threading.Event(), list[int]()
    using = threading.Thread(target=use_the_api, args=(http, done, answers))
    using.start()
    try:
        run = programs.run([sys.executable, str(script), port, str(seen_by), "theirs"], environ(), 120)
    finally:
        done.set()
        using.join(60)
    assert run.poll() == 0, run
    assert len(answers) >= 8
    assert set(answers) <= {200, 201}

    seen = sorted((note for file in seen_by.iterdir() for note in json.loads(file.read_text())), key=_number)
    assert [note["number"] for note in seen] == list(range(PROCESSES * TRIALS_EACH))
    assert {note["state"] for note in seen} == {"COMPLETE", "PRUNED"}
    in_database = read_by_optuna(storage_url, "theirs")
    assert [_as_the_script_notes(trial) for trial in in_database] == seen
    assert len({trial["user_attrs"]["process"] for trial in in_database}) == PROCESSES

    shown = httpx2.get(f"{http}/v1/studies/theirs/trials", params={"limit": 1000}).json()["items"]
    assert [trial["number"] for trial in shown] == list(range(PROCESSES * TRIALS_EACH))
    assert [trial["state"].upper() for trial in shown] == [note["state"] for note in seen]

    proxy = optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=int(port))
    study = optuna.load_study(study_name="theirs", storage=proxy)
    assert [fields_of(trial) for trial in study.get_trials()] == in_database
    best = min(note["value"] for note in seen if note["state"] == "COMPLETE")
    assert study.best_value == pytest.approx(best)
    proxy.close()
    assert service.terminate(20) == 0


def _number(note: dict[str, Any]) -> int:
    number: int = note["number"]
    return number


def _as_the_script_notes(trial: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": trial["number"],
        "rate": trial["params"]["learning_rate"],
        "curve": {str(step): value for step, value in trial["curve"].items()},
        "state": trial["state"],
        "value": trial["values"][0] if trial["values"] else None,
    }


def test_a_taken_optuna_port_is_said_in_one_line(programs: Programs, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/a.db"
    command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", "0", "--optuna-port", "0"]
    first = programs.start(command, environ(LRTUNE_STORAGE=storage))
    port = first.wait_for_line(r"^lrtune serving Optuna's gRPC protocol on 127.0.0.1:(\d+)$", START_SECONDS)[1]
    second = programs.run([*command[:-1], port], environ(LRTUNE_STORAGE=f"sqlite:///{tmp_path}/b.db"), 30)
    assert second.poll() == 1
    (line,) = second.stderr.strip().splitlines()
    assert f"port {port} on 127.0.0.1 is in use" in line
    assert "--optuna-port" in line
