"""An Optuna script with a token, as the page about them has it."""

import re
import sys
from pathlib import Path

import httpx2

from tests.docs.pages import DOCS
from tests.end_to_end.conftest import START_SECONDS, environ
from tests.support.processes import Programs

SCRIPT = """
import optuna

def objective(trial):
    return trial.suggest_float("learning_rate", 1e-5, 1, log=True)

"""


def _snippet(port: str) -> str:
    page = (DOCS / "how-to" / "optuna-scripts.md").read_text()
    (snippet,) = [text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "ServiceStorage" in text]
    there = 'host="lrtune.example", port=13000'
    assert there in snippet
    return str(SCRIPT + snippet.replace(there, f'host="127.0.0.1", port={port}').replace("n_trials=100", "n_trials=3"))


def test_an_optuna_script_trains_with_a_workers_token_and_not_without(programs: Programs, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", "0", "--optuna-port", "0"]
    service = programs.start(command, environ(LRTUNE_STORAGE=f"sqlite:///{tmp_path}/lrtune.db"))
    base = service.wait_for_line(r"^lrtune serving on (http://127.0.0.1:\d+)$", START_SECONDS)[1]
    port = service.wait_for_line(r"^lrtune serving Optuna's gRPC protocol on 127.0.0.1:(\d+)$", 5)[1]
    with httpx2.Client(base_url=base) as client:
        admin = client.post("/v1/tokens", json={"role": "admin"}).json()["secret"]
        client.headers["Authorization"] = f"Bearer {admin}"
        assert client.post("/v1/studies", json={"name": "cifar10-resnet"}).status_code == 201
        worker = client.post("/v1/tokens", json={"role": "worker", "scopes": ["cifar10-*"]}).json()["secret"]
        script = tmp_path / "script.py"
        script.write_text(_snippet(port))
        alone = programs.run([sys.executable, str(script)], environ(XDG_CONFIG_HOME=str(tmp_path)), 60)
        assert alone.poll() == 1
        assert "UNAUTHENTICATED" in alone.stderr
        assert programs.run([sys.executable, str(script)], environ(LRTUNE_TOKEN=worker), 60).poll() == 0
        trials = client.get("/v1/studies/cifar10-resnet/trials").json()["items"]
        assert [trial["state"] for trial in trials] == ["complete"] * 3
