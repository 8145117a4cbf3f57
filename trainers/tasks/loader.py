"""A task is a function that trains: `train(trial)`, named `module:function`, `script.py:function`, or by the short name
of a built-in one."""

import importlib
import importlib.util
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lrtune.service.sentences.nearest import did_you_mean
from lrtune.trainers.errors import TaskError
from lrtune.trainers.tasks import CATALOGUE, TASKS

if TYPE_CHECKING:
    from lrtune.trainers.tasks.protocols import Task

_log = logging.getLogger(__name__)

_FORMER = re.compile(r"(?:lrtune\.)?trainers\.tasks\.(\w+):train")


def load_task(name: str) -> Callable[[Any], Any]:
    """The function that `name` names; modules are looked up in the working directory, too.

    Raises TaskError, in one line.
    """
    where = f"{CATALOGUE[name].module}:train" if name in CATALOGUE else name
    try:
        function = _load_named(where)
    except TaskError as error:
        short = _moved(name)
        if short is None or not isinstance(error.__cause__, ModuleNotFoundError):
            raise
        _log.warning("task %s is named %s now", name, short)
        return load_task(short)
    if not callable(function):
        where, _, function_name = where.rpartition(":")
        raise TaskError(f"{function_name!r} in {where} is a {type(function).__name__}, not a function")
    return function  # type: ignore[no-any-return]


def _moved(name: str) -> str | None:
    """The short name of a built-in task that is named by where it once was, as `trainers.tasks.digits:train`."""
    found = _FORMER.fullmatch(name)
    short = found[1].replace("_", "-") if found else None
    return short if short in CATALOGUE else None


def load_whole_task(name: str) -> "Task":
    """The task of that short name, or `module:object` with a `fit` like that of `lrtune.trainers.tasks.protocols.Task`.

    Raises TaskError, in one line.
    """
    try:
        found = TASKS[name] if name in TASKS else _load_named(name)
    except ModuleNotFoundError as error:
        raise _import_error(f"task {name}", error) from error
    if not callable(getattr(found, "fit", None)):
        raise TaskError(
            f"{name} cannot be cut into folds: that needs a built-in task ({', '.join(CATALOGUE)}), or an object with "
            "a fit(params, epochs, seed, *, fold, folds)"
        )
    return found


def _load_named(name: str) -> Any:
    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute:
        raise TaskError(
            f"task {name!r} names no function: {did_you_mean(name, CATALOGUE)}write module:function, "
            f"path/to/script.py:function, or one of {', '.join(CATALOGUE)}"
        )
    module = _load_script(Path(where)) if where.endswith(".py") else _load_module(where)
    found = getattr(module, attribute, None)
    if found is None:
        raise TaskError(f"{where} has no {attribute!r}{_offer(module)}")
    return found


def _load_script(path: Path) -> ModuleType:
    if not path.is_file():
        raise TaskError(f"there is no file {path}: give the path from {Path.cwd()}")
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"{path} is not a Python file")
    _look_in(path.resolve().parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _import_error(str(path), error) from error
    return module


def _module_name(path: Path) -> str:
    """What a script is called among the modules: by its file, so that other processes can import it too (to unpickle,
    say); but never by the name of another module, which would be gone."""
    known = sys.modules.get(path.stem)
    taken = path.stem in sys.stdlib_module_names or (
        known is not None and Path(getattr(known, "__file__", None) or "").resolve() != path.resolve()
    )
    return f"lrtune_script_{path.stem}" if taken else path.stem


def _load_module(name: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise _import_error(name, error) from error


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import_error(where: str, error: Exception) -> TaskError:
    if isinstance(error, ModuleNotFoundError) and error.name:
        if where == error.name or where.startswith(f"{error.name}."):
            return TaskError(f"there is no module {where!r} here: run from its folder, or give a path to a .py file")
        if error.name.partition(".")[0] in ("torch", "sklearn", "numpy", "matplotlib"):
            return TaskError(f"{where} needs {error.name}: pip install 'lrtune[trainers]'")
    cause = " ".join(f"{type(error).__name__}: {error}".split())
    return TaskError(f"{where} cannot be imported: {cause}")


def _offer(module: ModuleType) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    return f"; it has {', '.join(own[:5])}" if own else ""
