"""What `from lrtune import …` offers: these names and no others."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import lrtune

PUBLIC = {
    *("Client", "LeasedTrial", "StudyHandle", "plot_schedule", "run", "schedule_picture", "task"),
    *("Clipper", "FitResult", "RangeTest", "ScheduledLR", "build_optimizer", "fit", "parameter_groups", "range_test"),
    *("CategoricalParameter", "Checkpoint", "FloatParameter", "IntParameter", "Schedule", "Study", "StudySpec"),
    *("StudyStatus", "Suggestion", "Trial", "TrialWithCurve", "TuneResult", "tune"),
    *(
        "StudyChange",
        "StudyGone",
        "KeptRangeTestWithCurve",
        "LearningRateResponse",
        "Problem",
        "Replay",
        "Report",
        "Verdict",
    ),
    *("InvalidReport", "LeaseLost", "LrtuneError", "NotFound", "NothingReported", "ScheduleError", "ServiceError"),
    *(
        "ServiceUnreachable",
        "StudyFileInvalid",
        "StudyHalted",
        "TaskError",
        "TaskKeepsFailing",
        "TokenRefused",
        "TrainingError",
    ),
    *("TrialNotOpen", "TrialPaused", "TrialStopped", "VersionRefused", "LrtuneWarning"),
}


def names_for_type_checkers() -> dict[str, str]:
    """Name: module, of the imports under TYPE_CHECKING."""
    tree = ast.parse(Path(lrtune.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {name.name: str(node.module) for node in imports for name in node.names}


def test_the_public_names_are_these() -> None:
    assert set(lrtune.__all__) == PUBLIC
    assert len(lrtune.__all__) == len(PUBLIC)


def test_type_checkers_and_the_running_program_see_the_same_names_from_the_same_places() -> None:
    assert names_for_type_checkers() == lrtune._HOMES
    assert set(lrtune._HOMES) == PUBLIC
    assert set(dir(lrtune)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_is_there_and_at_home_where_it_is_said_to_be(name: str) -> None:
    pytest.importorskip("torch")
    found = getattr(lrtune, name)
    if name == "Schedule":  # A union has neither name nor module.
        return
    assert found.__name__ == name
    assert found.__module__.startswith(lrtune._HOMES[name])


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clients'"):
        _ = lrtune.Clients


def loaded_by(code: str) -> set[str]:
    """The top-level modules of a fresh interpreter after `code`."""
    code += "; import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    return set(json.loads(subprocess.check_output([sys.executable, "-c", code])))


def test_importing_lrtune_loads_nothing_that_is_slow() -> None:
    assert not loaded_by("import lrtune") & {"torch", "numpy", "pydantic", "httpx2", "typer", "rich"}


def test_what_a_client_needs_is_imported_without_torch_or_the_service() -> None:
    loaded = loaded_by("from lrtune import Client, LeaseLost, Suggestion, TrialStopped, run, task")
    assert "pydantic" in loaded
    assert not loaded & {"torch", "numpy", "sklearn", "fastapi", "sqlalchemy", "optuna", "matplotlib"}


def test_the_service_starts_without_what_only_some_studies_need() -> None:
    assert not loaded_by("import lrtune.service.app") & {"torch", "sklearn", "cmaes", "matplotlib", "optuna_dashboard"}
