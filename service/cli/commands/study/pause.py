"""`lrtune study pause`, `resume` and `stop`."""

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.cli.output import print_json


def pause(name: StudyName, server: Server = None, as_json: Json = False) -> None:
    """Hand out no further trial; those in training go on, and workers wait."""
    _change(name, server, as_json, paused=True)


def resume(name: StudyName, server: Server = None, as_json: Json = False) -> None:
    """Hand out trials again, after a pause, a stop, or a halt because trials kept failing."""
    _change(name, server, as_json, paused=False, stopped=False)


def stop(name: StudyName, server: Server = None, as_json: Json = False) -> None:
    """Finish a study: trials in training stop at their next report, and workers end."""
    _change(name, server, as_json, stopped=True)


def _change(name: str, server: str | None, as_json: bool, **changes: bool) -> None:
    with connect(server) as client:
        study = client.patch_study(name, **changes)
        if as_json:
            print_json(study)
            return
        said = client.status(name).explanation
    print(said or f"study {name} is {study.state}")
