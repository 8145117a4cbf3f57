import sys
from pathlib import Path

import pytest

from lrtune import TaskError
from lrtune.trainers.tasks.loader import load_task


def test_a_task_in_a_module_is_found() -> None:
    assert load_task("lrtune.trainers.tasks.loader:load_task") is load_task


def test_a_built_in_task_is_found_by_its_short_name() -> None:
    pytest.importorskip("sklearn")
    from lrtune.trainers.tasks.builtin.decision_tree import train

    assert load_task("decision-tree") is train


def test_a_task_in_a_script_is_found_with_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_the_script.py").write_text("LOSS = 0.25\n")
    script = tmp_path / "my_script.py"
    script.write_text("from beside_the_script import LOSS\ndef train(trial):\n    return LOSS\n")
    assert load_task(f"{script}:train")(None) == 0.25


def test_a_module_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "task_in_the_working_directory.py").write_text("def train(trial): return 0.5\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_task("task_in_the_working_directory:train")(None) == 0.5


@pytest.mark.parametrize("name", ["json", "lrtune", "pytest", "colorsys"])
def test_a_script_with_the_name_of_another_module_takes_nothing_from_it(tmp_path: Path, name: str) -> None:
    before = sys.modules.get(name)
    script = tmp_path / f"{name}.py"
    script.write_text("def train(trial):\n    return 0.5\n")
    found = load_task(f"{script}:train")
    assert found(None) == 0.5
    assert sys.modules.get(name) is before
    assert sys.modules[found.__module__].__file__ == str(script), "another process finds it by its name"


def test_a_script_can_be_loaded_again_and_is_what_it_is_then(tmp_path: Path) -> None:
    script = tmp_path / "loaded_twice.py"
    script.write_text("def train(trial):\n    return 0.5\n")
    load_task(f"{script}:train")
    script.write_text("def train(trial):\n    return 0.25  # and longer\n")
    found = load_task(f"{script}:train")
    assert found(None) == 0.25
    assert found.__module__ == "loaded_twice"


def test_a_script_that_breaks_is_not_left_among_the_modules(tmp_path: Path) -> None:
    script = tmp_path / "breaks_at_once.py"
    script.write_text("1 / 0\n")
    with pytest.raises(TaskError):
        load_task(f"{script}:train")
    assert "breaks_at_once" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_script.py", "names no function: write module:function"),
        ("digit", "or one of digits, digits-cnn, breast-cancer, diabetes, characters, decision-tree, random-forest"),
        ("module:", "names no function"),
        ("nowhere.py:train", "there is no file nowhere.py"),
        ("no_such_module_at_all:train", "there is no module 'no_such_module_at_all' here"),
        ("lrtune.trainers.tasks.loader:load_tusk", "has no 'load_tusk'; it has "),
        ("lrtune.trainers.client.http.retry:FIRST_WAIT_SECONDS", "is a float, not a function"),
    ],
)
def test_a_task_that_cannot_be_loaded_is_explained_in_one_line(name: str, message: str) -> None:
    with pytest.raises(TaskError) as caught:
        load_task(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("def train(:", "cannot be imported: SyntaxError"),
        (
            "import no_such_helper",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_helper'",
        ),
        ("raise ModuleNotFoundError(name='torch')", "needs torch: pip install 'lrtune[trainers]'"),
    ],
)
def test_a_script_that_breaks_is_explained_in_one_line(tmp_path: Path, source: str, message: str) -> None:
    script = tmp_path / "broken_script.py"
    script.write_text(source)
    with pytest.raises(TaskError) as caught:
        load_task(f"{script}:train")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_built_in_task_is_found_by_where_it_once_was(caplog: pytest.LogCaptureFixture) -> None:
    assert load_task("trainers.tasks.decision_tree:train") is load_task("decision-tree")
    assert "task trainers.tasks.decision_tree:train is named decision-tree now" in caplog.text
    with pytest.raises(TaskError, match=r"there is no module 'trainers\.tasks\.mine'"):
        load_task("trainers.tasks.mine:train")
