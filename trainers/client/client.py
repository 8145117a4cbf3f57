"""The client of an lrtune service."""

import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import uuid4

import httpx2
from pydantic import BaseModel

from lrtune.service.wire import trials as wire
from lrtune.service.wire.curves import CurvePart
from lrtune.service.wire.health import StudyHealth
from lrtune.service.wire.priors import SuggestionBody
from lrtune.service.wire.range_tests import KeptRangeTest, KeptRangeTestWithCurve, NewRangeTest, RangeTestPage
from lrtune.service.wire.replays import Replay, ReplayPage
from lrtune.service.wire.responses import LearningRateResponse
from lrtune.service.wire.studies import Study, StudyPage, StudyStatus, Suggestion
from lrtune.trainers.client.access import AccessCalls
from lrtune.trainers.client.http.bodies import valid
from lrtune.trainers.client.http.connection import Connection, study_path
from lrtune.trainers.client.http.retry import Retry, certainly_not_processed
from lrtune.trainers.client.local.connection import LocalConnection, is_local
from lrtune.trainers.client.moving.calls import MovingCalls
from lrtune.trainers.client.pictures.study import compared
from lrtune.trainers.client.report_checks import read_report, read_value
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.client.tables.reading import read_curves
from lrtune.trainers.errors import InvalidRequest, LrtuneWarning, ServiceUnreachable

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_EXAMPLE = '{"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}'


class Client(AccessCalls, MovingCalls):
    """Talks to one service; use it as a context manager, or `close` it. Safe to use from several threads.

    `server` is a URL; else LRTUNE_SERVER, else http://127.0.0.1:8080. `"local"` needs no service: the engine runs
    inside this process on lrtune.db in the working directory, or on FILE with `"local:FILE"`, until the last Client of
    the file is closed. It asks for no token, and needs the extra `lrtune[service]`, else ImportError.

    `token` is what `lrtune token create` printed; else LRTUNE_TOKEN, else what is in the file that LRTUNE_TOKEN_FILE
    names, else in ~/.config/lrtune/token, if there is one. A file is read anew when the service refuses what was in it.
    A token that cannot be one raises LrtuneError.

    What fails for a passing reason is tried again for `retry_seconds`; trials in training do not wait as long. Every
    method raises ServiceError where the service refuses, TokenRefused where it does for the token, ServiceUnreachable
    where none answers. `stopping` set: waits end, retries are cut short. It may be used in forked children, which open
    connections of their own, and be pickled for spawned ones, with the token in it, unless it is local or has a
    `transport` of yours.
    """

    def __init__(
        self,
        server: str | None = None,
        *,
        token: str | None = None,
        retry_seconds: float = 300.0,
        transport: httpx2.BaseTransport | None = None,
        stopping: threading.Event | None = None,
        retry: Retry | None = None,
    ) -> None:
        retry = retry or Retry(total_seconds=retry_seconds, stopping=stopping or threading.Event())
        self._connection: Connection
        if transport is None and is_local(server):
            self._connection = LocalConnection(server, retry=retry)
        else:
            self._connection = Connection(server, token=token, retry=retry, transport=transport)
        self.server = self._connection.server

    def __repr__(self) -> str:
        return f"Client({self.server!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def token_source(self) -> str | None:
        """Where its token was found: `token=`, `LRTUNE_TOKEN`, or a file by its name; None where it has none."""
        return self._connection.token_source

    def close(self) -> None:
        """Closes the sockets; of a local one, ends the engine, unless others use it."""
        self._connection.close()

    def create_study(
        self,
        name: str,
        *,
        search_space: Mapping[str, Any] | None = None,
        if_exists: Literal["fail", "load"] = "fail",
        **spec: Any,
    ) -> StudyHandle:
        """A new study; with `if_exists="load"`, the existing one where its specification is the same.

        `spec` holds the other fields of `lrtune.StudySpec`: `max_trials`, `max_steps`, …
        A parameter is a dict as in the contract, or a FloatParameter, IntParameter or CategoricalParameter of `lrtune`.
        A sampler or pruner may be given by name alone: `sampler="tpe"`.
        """
        study_path(name)  # Refuses a name that no later request could hold.
        body: dict[str, Any] = {"name": name, "if_exists": if_exists, **spec}
        if search_space is not None:
            body["search_space"] = _plain_space(search_space)
        for method in ("sampler", "pruner"):
            if isinstance(body.get(method), str):
                body[method] = {"name": body[method]}
        again = if_exists == "load"
        try:
            created = self._connection.post(Study, "/v1/studies", body, repeatable=again)
        except ServiceUnreachable as error:
            if not again and not certainly_not_processed(error):
                error.advise('the study may have been created: call again with if_exists="load"')
            raise
        for warning in created.warnings:
            warnings.warn(f"study {name}: {warning}", LrtuneWarning, stacklevel=2)
        return StudyHandle(self._connection, created)

    def study(self, name: str) -> StudyHandle:
        """An existing study. Raises NotFound."""
        return StudyHandle(self._connection, self._connection.get(Study, study_path(name)))

    def studies(self, *, tags: Mapping[str, str] | None = None, prefix: str = "") -> Iterator[Study]:
        """All studies, by name: those that have all the `tags`, and whose names begin with `prefix`."""
        wanted = [f"{key}={value}" for key, value in (tags or {}).items()]
        return self._connection.items(StudyPage, "/v1/studies", tag=wanted or None, prefix=prefix or None)

    def patch_study(self, name: str, **changes: Any) -> Study:
        """Changes what `StudyHandle.update` names."""
        return self._connection.patch(Study, study_path(name), changes)

    def delete_study(self, name: str) -> None:
        """Deletes a study with all its trials."""
        self._connection.delete(study_path(name))

    def status(self, name: str, *, wait_seconds: float | None = None, after: int | None = None) -> StudyStatus:
        """Where the study stands. With both arguments, waits for a version later than `after`."""
        return self._connection.get(
            StudyStatus,
            f"{study_path(name)}/status",
            query={"wait_seconds": wait_seconds, "after": after},
            timeout_seconds=None if wait_seconds is None else wait_seconds + 30.0,
        )

    def suggestion(self, name: str) -> Suggestion:
        """What to train with, on all that is known so far; costs no trial."""
        return self._connection.get(Suggestion, f"{study_path(name)}/suggestion")

    def suggest(
        self,
        *,
        optimizer: str | None = None,
        batch_size: int | None = None,
        total_steps: int | None = None,
        family: str | None = None,
    ) -> Suggestion:
        """What to train with where there is no study: from the history of past studies, else what is usual."""
        body = valid(SuggestionBody, optimizer=optimizer, batch_size=batch_size, total_steps=total_steps, family=family)
        return self._connection.post(Suggestion, "/v1/suggestions", body)

    def response(self, name: str) -> LearningRateResponse:
        """A study's metric over its learning rate: points, fitted mean and band, and where it diverges."""
        return self._connection.get(LearningRateResponse, f"{study_path(name)}/response")

    def trials(
        self, name: str, *, state: wire.TrialState | None = None, newest: bool = False, page: int | None = None
    ) -> Iterator[wire.Trial]:
        """All trials of a study (in that state), by number, or the newest first; read by `page` at a time."""
        path = f"{study_path(name)}/trials"
        query = {"state": state, "newest": "true" if newest else None}
        return self._connection.items(wire.TrialPage, path, **query, **({} if page is None else {"limit": page}))

    def trial(self, name: str, number: int, *, max_points: int | None = None) -> wire.TrialWithCurve:
        """One trial with its curve; of a long one `max_points` at the most, its extremes kept."""
        query = {"max_points": max_points}
        return self._connection.get(wire.TrialWithCurve, f"{study_path(name)}/trials/{number}", query=query)

    def curves(self, name: str) -> Iterator[CurvePart]:
        """What all trials reported, by number and step, a page at a time; a long curve comes in several parts."""
        return read_curves(self._connection, name)

    def health(self, name: str) -> StudyHealth:
        """Questions about a study, and what is measured of each: is the search past random, say."""
        return self._connection.get(StudyHealth, f"{study_path(name)}/health")

    def replays(self, name: str) -> Iterator[Replay]:
        """Where `auto` would have stopped each trial that is over, by number."""
        return self._connection.items(ReplayPage, f"{study_path(name)}/replays")

    def replay(self, name: str, number: int) -> Replay:
        """Where `auto` would have stopped one trial that is over."""
        return self._connection.get(Replay, f"{study_path(name)}/trials/{number}/replay")

    def enqueue(self, name: str, params: Mapping[str, Any]) -> wire.Trial:
        """A point to try next; parameters left out are sampled."""
        body = {"params": dict(params), "request_id": str(uuid4())}
        return self._connection.post(wire.Trial, f"{study_path(name)}/trials/enqueue", body)

    def record(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        value: float | None = None,
        reports: Sequence[wire.Report | tuple[int, float]] = (),
        state: wire.Outcome = "complete",
    ) -> wire.Trial:
        """A training done elsewhere: its parameters, its final value, its curve, or both."""
        curve = [report if isinstance(report, wire.Report) else read_report(*report) for report in reports]
        body = valid(
            wire.Record,
            params=dict(params),
            state=state,
            value=None if value is None else read_value(value),
            reports=curve,
            request_id=str(uuid4()),
        )
        return self._connection.post(wire.Trial, f"{study_path(name)}/trials/record", body)

    def plot_compare(self, names: Sequence[str]) -> "Figure":
        """The best so far of two to five studies over the steps trained, and what they suggest, as a plotly figure.
        Reads all their trials. Needs the extra `lrtune[plots]`, else ImportError."""
        return compared(self._connection, list(names)).figure

    def range_tests(self, name: str) -> Iterator[KeptRangeTest]:
        """A study's range tests, by number, without their curves."""
        return self._connection.items(RangeTestPage, f"{study_path(name)}/range-tests")

    def add_range_test(
        self,
        name: str,
        learning_rates: Sequence[float],
        losses: Sequence[Sequence[float]],
        *,
        optimizer: str | None = None,
        batch_size: int | None = None,
    ) -> KeptRangeTestWithCurve:
        """Keeps a range test with a study: the losses of each seed, as far as its test went."""
        longest, *others = sorted((list(curve) for curve in losses), key=len, reverse=True)
        body = valid(
            NewRangeTest,
            learning_rates=list(learning_rates[: len(longest)]),
            losses=longest,
            other_seeds=others,
            optimizer=optimizer,
            batch_size=batch_size,
            request_id=str(uuid4()),
        )
        return self._connection.post(KeptRangeTestWithCurve, f"{study_path(name)}/range-tests", body)


def _plain_space(search_space: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(search_space, Mapping):
        raise InvalidRequest("search_space", f"must map names to parameters, {_EXAMPLE}, not {search_space!r:.60}")
    return {name: _plain(name, parameter) for name, parameter in search_space.items()}


def _plain(name: str, parameter: Any) -> Any:
    if isinstance(parameter, BaseModel):
        return parameter.model_dump(mode="json", exclude_none=True)
    if not isinstance(parameter, Mapping):
        raise InvalidRequest(f"search_space.{name}", f"must be a parameter, as in {_EXAMPLE}, not {parameter!r:.60}")
    return dict(parameter)
