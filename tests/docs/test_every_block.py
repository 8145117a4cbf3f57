"""Every block of code of every page is run by some test, or read here as its language is; and those pages that only
need a service and a study are run here."""

import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import lrtune
from lrtune.service.cli.main import app, main
from tests.api.calls import StudyCalls
from tests.api.conftest import create, serving
from tests.docs.pages import PAGES, ROOT, name_of
from tests.end_to_end.conftest import Service
from tests.support.at_port import at_port
from tests.support.processes import Programs

BLOCK = re.compile(r"^[ ]*```(\w*)[^\n]*\n(.*?)^[ ]*```$", re.DOTALL | re.MULTILINE)
FRAMEWORKS = "tests/trainers/integrations/test_pages.py"
WALKED = "tests/docs/walk_through.py"
HERE = "tests/docs/test_every_block.py"
RUN_BY: dict[str, str] = {
    **{
        f"docs/how-to/{name}.md": FRAMEWORKS
        for name in (
            *("accelerate", "fastai", "huggingface", "keras", "lightgbm", "lightning", "optax", "optuna", "pytorch"),
            *("scikit-learn", "trl", "xgboost"),
        )
    },
    **{f"docs/how-to/{name}.md": WALKED for name in ("lora", "noisy-loss", "without-a-service")},
    **{f"docs/start/{name}.md": WALKED for name in ("first-study", "learning-rates")},
    "docs/how-to/agents.md": "tests/docs/test_agents.py",
    "docs/how-to/any-program.md": "tests/docs/test_any_program.py",
    "docs/how-to/curl.md": "tests/docs/test_curl_page.py",
    "docs/how-to/distributed.md": "tests/docs/test_distributed_page.py",
    "docs/how-to/export.md": "tests/docs/test_export_page.py",
    "docs/how-to/fleet.md": "tests/docs/test_fleet_page.py",
    "docs/how-to/optuna-scripts.md": "tests/docs/test_optuna_scripts_page.py",
    "docs/how-to/other-languages.md": "tests/end_to_end/generated.py",
    "docs/how-to/trackers.md": "tests/trainers/integrations/trackers/test_page.py",
    "docs/reference/commands.md": "tests/docs/test_commands_page.py",
    "README.md": "tests/end_to_end/test_readme.py",
    **{
        f"docs/how-to/{name}.md": HERE
        for name in ("follow-a-study", "resumable-trainers", "suggestions", "watch-a-study")
    },
}
"""Who runs a page."""
READ = {
    "docs/how-to/access.md": "has clusters, a proxy and people's tokens in it",
    "docs/how-to/checkpoints.md": "has the reader's own network and places in it",
    "docs/how-to/production.md": "has the reader's machines in it",
    "docs/how-to/database.md": "has a server's databases in it",
    "docs/how-to/training.md": "has the reader's own network in it",
    "docs/explanation/faults.md": "shows how to measure",
    "docs/reference/benchmarks.md": "shows how to measure",
    "docs/reference/audit.md": "shows an answer",
    "docs/reference/tokens.md": "has people's tokens in it",
    "ARCHITECTURE.md": "has drawings",
}
"""Pages that are only read as their languages are, and why."""


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / page).read_text())


WITH_BLOCKS = [name_of(page) for page in PAGES if BLOCK.search(page.read_text())]


def test_every_page_with_code_is_run_by_a_test_or_has_a_reason_why_not() -> None:
    assert sorted(WITH_BLOCKS) == sorted([*RUN_BY, *READ])
    for page, test in RUN_BY.items():
        assert test in (FRAMEWORKS, WALKED) or Path(page).stem in (ROOT / test).read_text(), page


def commands(page: str) -> Iterator[list[str]]:
    """What is typed after `lrtune` on that page."""
    prompts = {"sh": "", "console": "$ "}
    for language, text in blocks(page):
        for line in text.replace("\\\n", " ").splitlines() if language in prompts else ():
            typed = line.strip().removeprefix(prompts[language])
            whole = "$(" not in typed  # Else it is a script's, whose shell makes words of it.
            if typed.startswith("lrtune ") and line.strip() == prompts[language] + typed and whole:
                words = shlex.split(typed, comments=True)
                ends = [at for at, word in enumerate(words) if re.match(r"[|&<>;]|\d>", word)]
                yield words[1 : min(ends, default=len(words))]


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_every_block_is_of_its_language(page: str) -> None:
    for language, text in blocks(page):
        if language == "python":
            compile(text, page, "exec")
        elif language == "yaml":
            yaml.safe_load(text)
        elif language == "json":
            _read_json(text)


def _read_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        for line in text.strip().splitlines():  # Fields of an object, one or the other of them.
            json.loads(f"{{{line.rstrip(',')}}}")


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_every_command_takes_the_options_that_a_page_gives_it(page: str) -> None:
    for words in commands(page):
        with suppress(typer.Exit):  # Of an option that shows something, and no more.
            _parse(words)


def _parse(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    context, name, left = None, "lrtune", words
    while True:
        context = command.make_context(name, list(left), parent=context)
        if not hasattr(command, "resolve_command"):
            return
        name, command, left = command.resolve_command(context, [*context._protected_args, *context.args])


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_what_a_reader_runs_a_second_time_works_a_second_time(page: str) -> None:
    for language, text in blocks(page):
        for call in re.findall(r"(?<!optuna)\.create_study\([^)]*\)", text) if language == "python" else ():
            assert "if_exists=" in call or "**" in call, call


# The pages that only need a service and a study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyCalls]:
    """my-model, with two trials to its end and two waiting; on the service that pages talk to."""
    with serving(f"sqlite:///{tmp_path}/lrtune.db") as service, at_port(service) as address:
        monkeypatch.setenv("LRTUNE_SERVER", address)
        monkeypatch.chdir(tmp_path)
        made = create(service, name="my-model", max_steps=3, max_trials=4, sampler={"name": "random"})
        create(service, name="my-other-model", max_steps=3)
        for name in ("my-model", "my-other-model"):
            for rate in (0.001, 0.01):
                reports = [{"step": step, "value": 1 / step + rate} for step in (1, 2, 3)]
                body = {"params": {"learning_rate": rate}, "reports": reports}
                assert service.post(f"/v1/studies/{name}/trials/record", json=body).status_code == 201
        yield made


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["lrtune", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, words


def test_the_pages_on_following_a_study_run(study: StudyCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("plotly")
    rates = {"learning_rates": [10 ** (at / 10 - 5) for at in range(40)], "losses": [2 - at / 40 for at in range(40)]}
    assert study.post("/range-tests", rates).status_code == 201
    for language, text in blocks("docs/how-to/follow-a-study.md"):
        if language == "python":
            exec(compile(text, "follow-a-study.md", "exec"), {"lrtune": lrtune})
    for words in commands("docs/how-to/follow-a-study.md"):
        if words[:2] != ["study", "watch"]:  # Which watches on; tests/cli/commands/watching has it.
            run(words, monkeypatch)


def test_the_page_on_watching_a_study_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [text for language, text in blocks("docs/how-to/watch-a-study.md") if language == "python"]
    heard: list[tuple[Any, ...]] = []
    with Programs(tmp_path / "programs") as programs:
        service = Service(programs, f"sqlite:///{tmp_path}/lrtune.db")
        monkeypatch.setenv("LRTUNE_SERVER", service.address)
        with lrtune.Client() as client:
            study = client.create_study("my-model", max_steps=3, sampler="random", pruner="none")
            training = threading.Thread(target=_train_until, args=(client, study, heard))
            training.start()
            exec(compile(code, "watch-a-study.md", "exec"), {"print": lambda *told: heard.append(told)})
            training.join()
    assert {state for _, state, _ in heard} <= {"running", "complete"}


def _train_until(client: lrtune.Client, study: lrtune.StudyHandle, heard: list[Any]) -> None:
    """Trains until somebody has heard of it, and then deletes the study, which ends what is told of it."""
    for trial in islice(study.leases(), 300):
        with trial:
            for step in range(1, 4):
                trial.report(step, 1 / step)
        if heard:
            break
    client.delete_study(study.name)


class Training:
    """What a reader's `build` returns: it counts its steps, and can go on from any."""

    def __init__(self, params: dict[str, Any], steps: int | None) -> None:
        self.step = 0

    def load(self, uri: str) -> None:
        self.step = int(uri.rpartition("/")[2])

    def save(self) -> str:
        return f"file:///steps/{self.step}"

    def train_one_step(self) -> float:
        self.step += 1
        return 1 / self.step


def test_the_page_on_resumable_trainers_runs(study: StudyCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    create(study.client, name="mine", max_steps=3, max_trials=2)
    (code,) = [text for language, text in blocks("docs/how-to/resumable-trainers.md") if language == "python"]
    exec(compile(code, "resumable-trainers.md", "exec"), {"__name__": "__main__", "build": Training})
    assert {trial["state"] for trial in StudyCalls(study.client, "mine").trials()} <= {"complete", "pruned"}
    for words in commands("docs/how-to/resumable-trainers.md"):
        run([word.replace("17", "0") for word in words], monkeypatch)


def test_the_page_on_suggestions_runs(study: StudyCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in commands("docs/how-to/suggestions.md"):
        run([word.replace("my-model", "another-model") for word in words], monkeypatch)
    priors = next(text for language, text in blocks("docs/how-to/suggestions.md") if language == "json")
    for number, line in enumerate(priors.strip().splitlines()):
        create(study.client, name=f"prior-{number}", **json.loads(f"{{{line}}}"))
