import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from lrtune.service.cli.commands.worker import app as worker_app
from lrtune.service.cli.commands.workers.command import app as workers_app
from lrtune.service.cli.commands.workers.options import OF_ENGINES, amounts, minutes, pairs
from lrtune.service.cli.commands.workers.passing_on import OWN
from lrtune.service.wire.access.secrets import new_secret
from lrtune.trainers.errors import LaunchError
from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService

STUDY = ("--study", "s", "--task", "json:dumps")
PODS = ("workers", *STUDY, "--on", "kubernetes", "--image", "a/b:1", "-n", "3", "--server", "http://lrtune.ml:8080")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without GPUs, and without a token."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def rendered(lrtune: Lrtune, *arguments: str) -> list[Any]:
    ran = lrtune(*PODS, *arguments)
    assert ran.code == 0, ran.err
    return list(yaml.safe_load_all(ran.out))


def arguments_of(manifests: list[Any]) -> list[str]:
    args: list[str] = manifests[-1]["spec"]["template"]["spec"]["containers"][0]["args"]
    return args


# What is passed on


def test_every_option_of_a_worker_is_taken_or_is_one_of_the_fleets() -> None:
    taken = {option for one in typer.main.get_command(workers_app).params for option in one.opts}
    for parameter in typer.main.get_command(worker_app).params:
        if parameter.name not in OWN:
            assert set(parameter.opts) <= taken, parameter.name


def test_a_workers_options_and_program_reach_each_worker(lrtune: Lrtune) -> None:
    ran = lrtune(
        *("workers", "--study", "s", "--on", "kubernetes", "--image", "a", "-n", "1", "--server", "http://a:1"),
        *("--pattern", "-loss (?P<value>.+)", "--resumable", "--first-step", "0", "--", "./train.sh", "--lr", "{lr}"),
    )
    assert ran.code == 0, ran.err
    assert arguments_of(list(yaml.safe_load_all(ran.out))) == [
        *("lrtune", "worker", "--study=s", "--pattern=-loss (?P<value>.+)", "--first-step=0", "--resumable"),
        *("--concurrency=1", "--", "./train.sh", "--lr", "{lr}"),
    ]


def test_what_the_environment_says_here_is_said_to_workers_elsewhere(
    lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRTUNE_FOLDS", "5")
    monkeypatch.setenv("LRTUNE_CONCURRENCY", "7")
    given = arguments_of(rendered(lrtune))
    assert "--folds=5" in given
    assert "--concurrency=1" in given, "-n says how many"


def test_an_option_that_nobody_has_is_refused_with_one_that_is_like_it(lrtune: Lrtune) -> None:
    ran = lrtune("workers", *STUDY, "--partitoin", "gpu")
    assert ran.code == 2
    assert "No such option: --partitoin" in ran.err
    assert "--partition" in ran.err


# Options of engines


def test_every_option_that_is_not_for_all_engines_is_an_option() -> None:
    assert set(OF_ENGINES) <= {parameter.name for parameter in typer.main.get_command(workers_app).params}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--partition", "gpu"), "--partition goes with --on slurm, not with --on local: leave it out"),
        (("--address", "a:1", "--on", "slurm", "-n", "1"), "--address goes with --on ray, not with --on slurm"),
        (("--detach", "--on", "ray", "-n", "1"), "--detach goes with --on slurm, not with --on ray"),
        (("--memory", "1G"), "--memory goes with --on ray and --on slurm and --on kubernetes, not with --on local"),
        (("--gpus", "0.5", "-n", "2"), "--gpus: this machine gives whole GPUs, not 0.5; only Ray shares one"),
        (("--gpus", "1"), "-n: 1 worker with 1 GPU each, and this machine shows 0: --gpus 0 for workers"),
        (("--server", "local:a.db"), "--server: local:a.db is a file for one process; have `lrtune serve` serve it"),
    ],
)
def test_a_bad_option_is_one_line_that_names_it(
    lrtune: Lrtune, address: str, arguments: tuple[str, ...], told: str
) -> None:
    ran = lrtune("workers", *STUDY, *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"lrtune: {told}")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("on", ["ray", "slurm"])
def test_without_a_number_workers_elsewhere_are_refused(lrtune: Lrtune, address: str, on: str) -> None:
    ran = lrtune("workers", *STUDY, "--on", on)
    assert ran.err == f"lrtune: -n: say how many workers, as in --on {on} -n 8\n"


@pytest.mark.parametrize(("on", "package", "extra"), [("ray", "ray", "ray"), ("slurm", "submitit", "slurm")])
def test_an_engine_that_is_not_installed_is_one_line_that_names_the_extra(
    lrtune: Lrtune, address: str, monkeypatch: pytest.MonkeyPatch, on: str, package: str, extra: str
) -> None:
    for module in (package, f"lrtune.trainers.launchers.engines.{'ray_actors' if on == 'ray' else 'slurm'}"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if not has(folder, package)])
    ran = lrtune("workers", *STUDY, "--on", on, "-n", "1")
    assert ran.code == 2
    assert ran.err.endswith(f"lrtune: this command needs {package}: pip install 'lrtune[{extra}]'\n")


def has(folder: str, package: str) -> bool:
    return (Path(folder) / package / "__init__.py").exists()


def test_a_slurm_job_does_not_reach_a_service_on_loopback(lrtune: Lrtune, address: str) -> None:
    pytest.importorskip("submitit", reason="the extra lrtune[slurm] is not installed")
    ran = lrtune("workers", *STUDY, "--on", "slurm", "-n", "1")
    assert ran.code == 1
    assert ran.err.startswith(f"lrtune: --server: {address} is this machine's own, which workers on Slurm's nodes")


@pytest.mark.parametrize("given", ["a", "=1", "a=", ""])
def test_a_pair_that_is_none_is_one_line(given: str) -> None:
    with pytest.raises(LaunchError, match=r"--sbatch: .* is no NAME=VALUE; write --sbatch gres=gpu:1"):
        pairs([given], "--sbatch", "gres=gpu:1")


def test_pairs_may_be_written_as_sbatch_has_them() -> None:
    assert pairs(["--gres=gpu:a100:1", "nice=5"], "--sbatch", "") == {"gres": "gpu:a100:1", "nice": "5"}
    assert amounts(["a100=0.5"]) == {"a100": 0.5}
    with pytest.raises(LaunchError, match="--resource: 'many' is no number; write --resource a=1"):
        amounts(["a=many"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90", 90), ("2:30", 3), ("4:00:00", 240), ("1-0", 1440), ("1-12:30", 2190), ("2-00:00:01", 2881)],
)
def test_times_are_as_sbatch_takes_them(text: str, wanted: int) -> None:
    assert minutes(text) == wanted


@pytest.mark.parametrize("text", ["", "4h", "1:2:3:4", "0", "0:00", "-5", "1-"])
def test_what_is_no_time_is_one_line(text: str) -> None:
    with pytest.raises(LaunchError, match=r"^--time: "):
        minutes(text)


# Kubernetes


def test_manifests_are_printed_and_nothing_else_and_no_service_is_asked(lrtune: Lrtune) -> None:
    (job,) = rendered(lrtune, "--name", "digits", "--gpus", "1", "--node-selector", "pool=gpu", "--namespace", "ml")
    assert (job["kind"], job["metadata"]["name"], job["metadata"]["namespace"]) == ("Job", "digits", "ml")
    assert job["spec"]["parallelism"] == 3
    pod = job["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["containers"][0]["resources"] == {"limits": {"nvidia.com/gpu": "1"}}
    assert {"name": "LRTUNE_SERVER", "value": "http://lrtune.ml:8080"} in pod["containers"][0]["env"]


def test_a_pod_has_as_long_to_end_as_its_program(lrtune: Lrtune) -> None:
    (job,) = rendered(lrtune)
    ran = lrtune(*(one for one in PODS if one not in ("--task", "json:dumps")), "--grace-seconds", "60", "--", "./a")
    (longer,) = yaml.safe_load_all(ran.out)
    seconds = [one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] for one in (job, longer)]
    assert seconds == [30, 80]


def test_the_token_of_this_machine_goes_into_a_secret(lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_secret()
    monkeypatch.setenv("LRTUNE_TOKEN", token)
    secret, job = rendered(lrtune)
    assert secret["stringData"] == {"token": token}
    assert token not in str(job)
    (job,) = rendered(lrtune, "--secret", "mine")
    assert token not in str(job)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--image", "a"), "--on kubernetes wants --image and -n, as in --image registry/worker:1 -n 8"),
        (("-n", "1"), "--on kubernetes wants --image and -n"),
        (("--image", "a", "-n", "1"), "--server: http://127.0.0.1:8080 is this machine's own, which workers in pods"),
        (("--image", "a", "-n", "1", "--service-image", "b", "--secret", "c"), "--secret goes without --service-image"),
        (("--image", "a", "-n", "1", "--service-image", "b"), "LRTUNE_STORAGE: set it to the database"),
    ],
)
def test_a_manifest_that_cannot_be_is_one_line(lrtune: Lrtune, arguments: tuple[str, ...], told: str) -> None:
    ran = lrtune("workers", *STUDY, "--on", "kubernetes", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"lrtune: {told}")
    assert ran.err.count("\n") == 1


def test_a_service_is_written_from_the_settings_that_it_would_have_here(
    lrtune: Lrtune, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tokens = {name: new_secret() for name in ("ADMIN", "WORKER")}
    monkeypatch.setenv("LRTUNE_STORAGE", "postgresql+psycopg://lrtune:pass@db/lrtune")
    monkeypatch.setenv("LRTUNE_ADMIN_TOKEN_FILE", str(tmp_path / "ADMIN"))
    for name, token in tokens.items():
        (tmp_path / name).write_text(token)
        (tmp_path / name).chmod(0o600)
    ran = lrtune(*PODS, "--service-image", "service:1")
    assert ran.err.startswith("lrtune: LRTUNE_WORKER_TOKEN_FILE: set it to the name of a file with a token")
    monkeypatch.setenv("LRTUNE_WORKER_TOKEN_FILE", str(tmp_path / "WORKER"))
    made = rendered(lrtune, "--service-image", "service:1")
    assert [one["kind"] for one in made] == ["Secret", "Service", "Deployment", "Secret", "Job"]
    assert made[3]["stringData"] == {"token": tokens["WORKER"]}
    (worker,) = made[4]["spec"]["template"]["spec"]["containers"]
    assert {"name": "LRTUNE_SERVER", "value": "http://lrtune:8080"} in worker["env"]


# A fleet


def test_an_unknown_study_is_one_line(lrtune: Lrtune, service: FakeService, address: str) -> None:
    ran = lrtune("workers", "--study", "nobody", "--task", "json:dumps")
    assert ran.code == 1
    assert ran.err.startswith("lrtune: there is nothing at /v1/studies/nobody")
    assert service.bodies("/trials") == []
