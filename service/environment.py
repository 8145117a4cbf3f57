"""The environment variables that lrtune knows, and those that it does not."""

import difflib
from collections.abc import Iterable

from lrtune.service.settings import PREFIX, Settings

OTHERS = frozenset(
    PREFIX + name
    for name in (
        "ATTEMPT",
        "CA_FILE",
        "CHECKPOINTS",
        "CONCURRENCY",
        "FOLDS",
        "GRACE_SECONDS",
        "KEEP_CHECKPOINTS",
        "MAX_STEPS",
        "OWNED",
        "PUBLISH",
        "REPORTS",
        "RESUME_STEP",
        "RESUME_URI",
        "RETRY_SECONDS",
        "SERVER",
        "SHOWN_BY_OWNER",
        "SPOOL",
        "SPOOL_BYTES",
        "STUDY",
        "SUBNET",
        "TASK",
        "TOKEN",
        "TOKEN_FILE",
        "TRACK",
        "TRIAL",
        "WAIT_SECONDS",
        "WORKER",
    )
)
"""What the client, the worker, the other commands and docker-compose.yml read, and what a worker tells a program."""
PARAMETER = f"{PREFIX}PARAM_"
"""How names begin that tell a program of the parameters of its trial."""


def known_variables() -> frozenset[str]:
    """Every `LRTUNE_*` variable that means something."""
    return OTHERS | {PREFIX + name.upper() for name in Settings.model_fields}


def unknown_variables(names: Iterable[str]) -> list[str]:
    """What to say of each of `names` that looks like a variable of ours and is none: misspelt, it changes nothing."""
    known = known_variables()
    told: list[str] = []
    for name in sorted(names):
        if not name.upper().startswith(PREFIX) or name.upper().startswith(PARAMETER) or name.upper() in known:
            continue
        (nearest,) = difflib.get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.0)
        told.append(f"{name} is not a variable that lrtune knows, and changes nothing: did you mean {nearest}?")
    return told
