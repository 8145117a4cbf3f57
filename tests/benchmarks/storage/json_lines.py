"""The inside of a process that answers lines of JSON: `tests.benchmarks.processes.JsonLinesProcess` is the outside."""

import json
import sys
from collections.abc import Callable
from typing import Any


def answer_lines(tasks: dict[str, Callable[..., Any]]) -> None:
    """Answer each line of standard input, `{"task": NAME, …}`, until its end: the owner has gone, or is done."""
    for line in sys.stdin:
        given = json.loads(line)
        try:
            reply = {"result": tasks[given.pop("task")](**given)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
