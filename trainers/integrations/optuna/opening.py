"""Making and finding studies, as Optuna's functions of these names do."""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import uuid4

from lrtune.trainers.client.client import Client
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import InvalidRequest, ServiceError
from lrtune.trainers.integrations.optuna.framework import optuna
from lrtune.trainers.integrations.optuna.spaces import search_space_of
from lrtune.trainers.integrations.optuna.study import Study

Direction = optuna.study.StudyDirection


class StudyExists(ServiceError, optuna.exceptions.DuplicatedStudyError):
    """A study of that name exists: what Optuna raises then, and what a Client does."""

    def __init__(self, name: str, refusal: ServiceError) -> None:
        super().__init__(refusal.problem)
        self.args = (f"study {name!r} exists: give load_if_exists=True to go on with it, or take another study_name",)


def create_study(
    *,
    search_space: Mapping[str, Any],
    storage: Client | str | None = None,
    sampler: str | Mapping[str, Any] = "auto",
    pruner: str | Mapping[str, Any] = "auto",
    study_name: str | None = None,
    direction: Literal["minimize", "maximize"] | Direction = "minimize",
    load_if_exists: bool = False,
    **spec: Any,
) -> Study:
    """A new study; with `load_if_exists`, the one of that name where it is the same. Without a name it gets one.

    `search_space` maps names to distributions of Optuna, or to what `Client.create_study` takes: the service draws the
    parameters before an objective runs. `storage` is a Client, the service's address, or "local" or "local:FILE" for
    the engine in this process; without one that of LRTUNE_SERVER, else http://127.0.0.1:8080. `sampler` and `pruner`
    are the service's, by name or with options; `spec` holds the other fields of `lrtune.StudySpec`: `max_trials`,
    `max_steps`, …

    Raises InvalidRequest for what cannot be sent; Optuna's DuplicatedStudyError where a study of that name exists, and
    `load_if_exists` is not said; ServiceError where the service refuses.
    """
    space = search_space_of(search_space)
    wants = {
        "direction": _only(spec.pop("directions", None), direction),
        "sampler": _method("sampler", sampler),
        "pruner": _method("pruner", pruner),
        "if_exists": "load" if load_if_exists else "fail",
    }
    name = f"no-name-{uuid4()}" if study_name is None else study_name
    try:
        return _opened(storage, lambda client: client.create_study(name, search_space=space, **wants, **spec))
    except ServiceError as error:
        if load_if_exists or not error.problem.type.endswith("study-exists"):
            raise
        exists = StudyExists(name, error)
    raise exists  # Outside, so that the refusal's own traceback is not shown above it.


def load_study(*, study_name: str, storage: Client | str | None = None) -> Study:
    """An existing study; `storage` as in `create_study`. Raises NotFound."""
    return _opened(storage, lambda client: client.study(study_name))


def _opened(storage: Any, handle: Callable[[Client], StudyHandle]) -> Study:
    if isinstance(storage, Client):
        return Study(storage, handle(storage))
    if storage is not None and not isinstance(storage, str):
        raise InvalidRequest(
            "storage",
            'must be a Client of lrtune, an address or "local:FILE", not '
            f"{type(storage).__name__}: scripts with a storage of Optuna's use optuna.create_study",
        )
    client = Client(storage)
    try:
        return Study(client, handle(client), own_client=True)
    except BaseException:
        client.close()
        raise


def _only(several: Any, direction: Any) -> Any:
    """The direction, as a text. Raises InvalidRequest for `directions` of several."""
    given = direction if several is None else list(several)
    if isinstance(given, list):
        if len(given) != 1:
            raise InvalidRequest(
                "directions",
                f"a study of lrtune has one value, not {len(given)}: return one from the objective, a weighted sum, "
                'and give direction="minimize" or "maximize"',
            )
        (given,) = given
    return given.name.lower() if isinstance(given, Direction) else given


def _method(field: str, given: Any) -> Any:
    if isinstance(given, str):
        return {"name": given}
    if isinstance(given, Mapping):
        return dict(given)
    example = "tpe" if field == "sampler" else "median"
    raise InvalidRequest(
        field,
        f'must be a name, as in {field}="{example}", since the service draws and prunes, not {type(given).__name__}',
    )
