"""What the OpenAPI document says and what the service does are the same: schemathesis sends what fits the document and
what does not, and looks at every answer.

Methods that a path does not have are tried in `test_allowed_methods.py`.
"""

import itertools
import json
import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig

from tests.docs.openapi import DOCUMENT
from tests.end_to_end.conftest import environ
from tests.support.processes import Programs

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
    for method, operation in methods.items()
}
FITS, BREAKS = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
SENT = [(label, FITS) for label in OPERATIONS] + [
    (label, BREAKS) for label, operation in OPERATIONS.items() if {"parameters", "requestBody"} & operation.keys()
]
"""What takes nothing cannot be sent what does not fit."""
STUDY = "s"
CONFIG = SchemathesisConfig.from_dict(
    {
        "parameters": {"path.study": STUDY, "path.number": 0},
        "operations": [
            {"include-method": "DELETE", "parameters": {"path.study": "gone", "path.id": "gone"}},
        ],
    }
)
AT_ONCE = {"events": {"for_seconds": 0}, "status": {"wait_seconds": 0}}
"""By what a path ends with: what brings an answer that does not wait."""
FEW = settings(max_examples=4, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))

RULES = re.compile(
    "|".join(
        [
            # What hangs on what is stored, or on what came before.
            r"is not one that this service gave; .*|is not one of this list; .*",
            r"trial \d+ is \w+: only what is over can be replayed",
            r"is not in the search space; .*|is missing: give every parameter its value",
            r"study \w+ searches no .*|must be at least max_steps .*|needs a study with max_steps; .*",
            # Bodies of studies.
            r"max_total_steps (needs|must be at least) max_steps.*|replicates needs max_trials, .*",
            r"low (must be less than|and high are) .*|low must be (> 0|at least 1) where log is true, .*",
            r"step (must be|and log|is too small).*|choices must differ, .*|when .*",
            r"low must be > 0 for a learning rate, .*|each choice of a learning rate must be .*|role .*",
            r"threshold needs lower, upper or both|lower must be less than upper, .*|needs a step|the grid .*|has .*",
            # Other bodies.
            r"a complete trial needs value, reports or both|is missing: a complete trial .*",
            r"send expires_at or expires_in_seconds, not both|write \* once: .*",
            r"must (be one for each of learning_rates|rise|have no more losses than there are rates).*",
            r"must bring all losses to no more than .*",
            r"is (too near the end|too large: with β|not scaled for|missing: the length matters).*",
            r"are not scaled for .*|must be \d for \w+, not \d",
            # Schedules.
            r"must leave a step after the warm-up: .*",
            r".* say the same in two ways: .*|must ascend, .*|min_lr .*must be at most lr .*|gamma belongs to mode .*",
            r"\d+ schedules need .*|step_size_down needs step_size_up: .*|pct_start must be at most 0.5 .*",
            r"total_steps must be at most .* to answer every step, .*|only plateau goes by metrics, .*",
            r"schedules may be nested .*|must be at most .*|must be below .*|needs .*",
        ]
    ),
    re.DOTALL,
)
"""What JSON Schema cannot say: rules over several fields, and what hangs on what is stored. Of a request that fits the
schema each refusal is one of these."""


_OF_A_FILE = ("lines", "first")
"""Fields of an import: lines have to fit those before, of this request or of earlier ones."""


@dataclass(frozen=True)
class Served:
    """A service with a token, and a study in which a trial is leased."""

    address: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("schemathesis")
    secret = f"lrt_{secrets.token_urlsafe(32)}"
    (folder / "token").write_text(secret)
    (folder / "token").chmod(0o600)
    command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", "0"]
    command += ["--admin-token-file", str(folder / "token"), "--proxies", "127.0.0.1"]
    with Programs(folder / "programs") as programs:
        service = programs.start(command, environ(LRTUNE_STORAGE=f"sqlite:///{folder}/lrtune.db"))
        address = service.wait_for_line(r"^lrtune serving on (http://\S+)$", 60)[1]
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx2.Client(base_url=address, headers=headers) as client:
            client.post("/v1/studies", json={"name": STUDY, "max_steps": 5}).raise_for_status()
            client.post(f"/v1/studies/{STUDY}/trials", json={"worker": "w"}).raise_for_status()
        yield Served(address, headers)


@pytest.fixture(scope="module")
def schema() -> Any:
    load_all_checks()
    return schemathesis.openapi.from_path(DOCUMENT, config=CONFIG)


_senders = itertools.count()


def _another_sender() -> str:
    """An address that has shown no wrong token yet: who shows many waits for his answers."""
    number = next(_senders)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _follows_a_rule(answer: Any) -> bool:
    if answer.status_code != 422:
        return False
    return all(RULES.fullmatch(error["msg"]) or error["loc"][0] in _OF_A_FILE for error in answer.json()["errors"])


@pytest.mark.parametrize(("label", "mode"), SENT, ids=lambda part: str(getattr(part, "value", part)))
def test_the_service_does_what_the_document_says(schema: Any, served: Served, label: str, mode: Any) -> None:
    method, path = label.split()
    strategy = schema[path][method].as_strategy(generation_mode=mode)
    refused = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
    accepted = schemathesis.checks.CHECKS.get_one("negative_data_rejection")  # What is at fault may be what goes.

    @given(data=st.data())
    @FEW
    def holds(data: st.DataObject) -> None:
        try:
            case = data.draw(strategy)
        except IndexError:  # In schemathesis 4.32, where a mutation leaves no type.
            reject()
        at_once, query = AT_ONCE.get(path.rpartition("/")[2], {}), case.query or {}
        case.query = {**query, **at_once}
        headers = {**served.headers, "X-Forwarded-For": _another_sender()}
        answer = case.call(base_url=served.address, headers=headers, timeout=20)
        left_out = [refused] if _follows_a_rule(answer) else [accepted] if at_once.keys() & query.keys() else None
        case.validate_response(answer, headers=headers, excluded_checks=left_out)

    holds()
