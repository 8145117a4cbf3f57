"""What one takes along from a study's page: commands and a few lines of Python, with this service's address."""

import shlex
from urllib.parse import quote

from lrtune.service.web.study.code import Snippet

_TOKEN = "LRTUNE_TOKEN"


def take_away(study: str, service: str, *, has_tokens: bool) -> list[Snippet]:
    """Snippets to copy; where there are tokens, they take one from the environment."""
    name, server = shlex.quote(study), shlex.quote(service)
    header = f' -H "Authorization: Bearer ${_TOKEN}"' if has_tokens else ""
    file = shlex.quote(f"{study}.jsonl")
    address = shlex.quote(f"{service}/v1/studies/{quote(study, safe='')}/suggestion")
    return [
        Snippet("notebook", "Notebook", _notebook(study, service)),
        Snippet("curl", "curl", f"curl -s{header} {address}"),
        Snippet("worker", "Worker", f"LRTUNE_SERVER={server} lrtune worker --study {name} --task my_script.py:train"),
        Snippet("export", "File", f"LRTUNE_SERVER={server} lrtune study export {name} -o {file}"),
        Snippet("watch", "Terminal", f"LRTUNE_SERVER={server} lrtune study watch {name}"),
    ]


def _notebook(study: str, service: str) -> str:
    return "\n".join(
        [
            "from lrtune import Client",
            "",
            f"client = Client({service!r})  # the token, where one is needed: {_TOKEN}",
            f"study = client.study({study!r})",
            "suggestion = study.suggestion()",
            "trials = study.trials_dataframe()  # needs pandas: pip install 'lrtune[dataframe]'",
        ]
    )
