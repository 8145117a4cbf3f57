"""What the tests of generated clients share: how a generator and a compiler are run, and what is on their page."""

import os
import re
import subprocess
from pathlib import Path

from lrtune.trainers.client.client import Client
from tests.docs.pages import DOCS

PAGE = DOCS / "how-to" / "other-languages.md"


def succeed(folder: Path, *command: str | Path, **variables: str) -> str:
    """What it prints on both outputs."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | variables, stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def blocks(language: str) -> list[str]:
    """The code on the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def check_searched(server: str, study: str, found: dict[str, object]) -> None:
    """A search of four trials between 1e-4 and 1 was made, and its suggestion is what the program printed."""
    assert found["trials"] == 4
    with Client(server) as client:
        status = client.study(study).status()
        assert found["learning_rate"] == client.study(study).suggestion().learning_rate
    assert status.state == "finished"
    assert status.trials.complete + status.trials.diverged == 4
