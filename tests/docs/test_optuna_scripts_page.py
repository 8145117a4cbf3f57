"""docs/how-to/optuna-scripts.md: its scripts run against a service, with the ports and lengths of a test."""

import re
from pathlib import Path
from typing import Any

import optuna

from lrtune import Client
from tests.docs.pages import DOCS
from tests.end_to_end.conftest import START_SECONDS, Service
from tests.support.processes import Programs

PAGE = (DOCS / "how-to" / "optuna-scripts.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NAME = "cifar10-resnet"


def test_every_script_of_the_page_runs(tmp_path: Path) -> None:
    alone, proxied, with_token = BLOCKS
    with Programs(tmp_path / "programs") as programs:
        service = Service(programs, f"sqlite:///{tmp_path}/lrtune.db", "--optuna-port", "0")
        port = service.program.wait_for_line(r"gRPC protocol on 127.0.0.1:(\d+)$", START_SECONDS)[1]
        names: dict[str, Any] = {}
        for trials, block in ((20, alone), (3, proxied), (6, with_token)):
            if block is proxied:
                with Client(service.address) as client:
                    client.create_study(NAME)
            here = (
                block.replace("13000", port)
                .replace("lrtune.example", "127.0.0.1")
                .replace("n_trials=100", "n_trials=3")
            )
            exec(compile(here, "optuna-scripts.md", "exec"), names)
            assert len(names["study"].trials) == trials
            if isinstance(names.get("storage"), optuna.storages.GrpcStorageProxy):
                names["storage"].close()
        with Client(service.address) as client:
            assert [trial.state for trial in client.study(NAME).list()] == ["complete"] * 6
