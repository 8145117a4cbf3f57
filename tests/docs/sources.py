"""What lrtune offers to `import`, and the docstrings of that, read from the sources: no framework is needed."""

import ast
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT

_PACKAGE = ROOT / "lrtune"


def public_names() -> list[str]:
    """All names of `lrtune`, and of its modules for frameworks, as one writes them: `lrtune.keras.TrialCallback`."""
    modules = sorted(path for path in _PACKAGE.glob("*.py") if path.name != "__init__.py")
    return [
        *(f"lrtune.{name}" for name in _exported(_PACKAGE / "__init__.py")),
        *(f"lrtune.{path.stem}.{name}" for path in modules for name in _exported(path)),
    ]


def errors() -> list[str]:
    """The errors that are not among the names of `lrtune`, by their full names: what is caught there as an ancestor."""
    module = ROOT / "trainers" / "errors.py"
    classes = [node for node in ast.parse(module.read_text()).body if isinstance(node, ast.ClassDef)]
    public = set(_exported(_PACKAGE / "__init__.py"))
    return [f"lrtune.trainers.errors.{one.name}" for one in classes if one.name not in public]


def _exported(module: Path) -> list[str]:
    """What the module's `__all__` holds."""
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return list(ast.literal_eval(node.value))
    raise AssertionError(f"{module} has no __all__")


def summaries(names: list[str]) -> dict[str, str]:
    """The first paragraph of each name's docstring, on one line; empty where it has none."""
    import griffe

    package: Any = griffe.GriffeLoader(search_paths=[ROOT], allow_inspection=False).load("lrtune")
    found = {}
    for name in names:
        one = package[name.removeprefix("lrtune.")]
        docstring = (one.final_target if one.is_alias else one).docstring
        found[name] = " ".join(docstring.value.split("\n\n")[0].split()) if docstring else ""
    return found
