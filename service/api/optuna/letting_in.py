"""Who may call by gRPC: the token in a call's metadata, looked at as the one in a request's header is."""

from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from optuna.storages._grpc.auto_generated import api_pb2

from lrtune.service.access.check import bearer, check, let_in
from lrtune.service.access.errors import AccessError, NotAllowed, Unauthorized
from lrtune.service.access.limits import Refused, TooManyRequests
from lrtune.service.access.optuna_doors import ADMIN, CALLS, MANAGES, Call
from lrtune.service.access.principal import Principal
from lrtune.service.access.registry import Registry
from lrtune.service.api.optuna.limiting import CallLimits
from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.errors import StorageUnavailable, StudyUnreadable
from lrtune.service.storage.memory.actor import ACTING, Actor
from lrtune.service.storage.sql.reading.created import count_created
from lrtune.service.wire.base import RESERVED_NAME

_NOT_A_WORKERS = (RESERVED_NAME, "dashboard:")
"""How system attributes begin that hold what lrtune decides by, and what people write in the dashboard."""
_STATUS = {
    Unauthorized: grpc.StatusCode.UNAUTHENTICATED,
    NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    Refused: grpc.StatusCode.RESOURCE_EXHAUSTED,
    StorageUnavailable: grpc.StatusCode.UNAVAILABLE,
}
_UNKNOWN = Call(MANAGES, "listed")

Handler = Callable[[Any, grpc.ServicerContext], Any]


class _NotFound(Exception):
    """Nothing has that id, or nothing that the token is for."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__(f"there is no {kind.removesuffix('_id')} with {kind} {number}")


class LettingIn(grpc.ServerInterceptor):  # type: ignore[misc]
    """Answers UNAUTHENTICATED to whoever shows no token that holds, and PERMISSION_DENIED to whoever may not do that,
    or not to that study."""

    def __init__(self, storage: OptunaStorage, registry: Registry, limits: CallLimits) -> None:
        self._storage = storage
        self._registry = registry
        self._limits = limits

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """The handler of a call; one that refuses it, before the request is read, where that is known already."""
        method = details.method.rpartition("/")[2]
        call = CALLS.get(method, _UNKNOWN)
        values = [_bytes(value) for name, value in details.invocation_metadata or () if name == "authorization"]
        try:
            principal = let_in(
                self._registry, call.rule, None, lambda: (bearer(values), False), self._storage.engine.clock()
            )
        except (AccessError, StorageUnavailable) as error:
            return self._refusing(error)
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            self._checked(method, call, principal, handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _checked(self, method: str, call: Call, principal: Principal, answer: Handler) -> Handler:
        def checked(request: Any, context: grpc.ServicerContext) -> Any:
            address = address_of(context.peer())
            ACTING.set(Actor(principal.shown, principal.token_id, address, "grpc"))
            try:
                self._check_scope(principal, call, request)
                check(principal, ADMIN if _asks_for_admin(method, request) else call.rule, None)
                with self._limits.taking(principal, address, request.ByteSize(), **_taken(method, request)):
                    if method == "CreateNewStudy":
                        answered = self._create(principal, answer, request, context)
                    else:
                        answered = answer(request, context)
            except _NotFound as error:
                context.abort(grpc.StatusCode.NOT_FOUND, str(error))
            except (NotAllowed, Refused) as error:
                _abort(context, error)
            return _only_seen(principal, answered) if method == "GetAllStudies" else answered

        return checked

    def _refusing(self, error: Exception) -> Any:
        """A handler that answers with the error, and knows nothing of the request."""

        def refuse(_request: Any, context: grpc.ServicerContext) -> Any:
            if isinstance(error, Unauthorized):
                try:
                    self._limits.wrong(address_of(context.peer()), error.reason)
                except Refused as instead:
                    _abort(context, instead)
            _abort(context, error)

        return grpc.unary_unary_rpc_method_handler(refuse)

    def _check_scope(self, principal: Principal, call: Call, request: Any) -> None:
        """Raises NotAllowed for a study that is not in scope and is called by its name; _NotFound where it, or a trial
        of it, is called by an id, as where nothing has that id: ids are numbers in a row, and would tell all names."""
        if call.concerns == "study_name":
            check(principal, call.rule, request.study_name)
        if principal.everywhere or call.concerns in ("study_name", "listed"):
            return
        try:
            if call.concerns == "trial_id":
                name = self._storage.study_name_of_trial(request.trial_id)
            else:
                name = self._storage.get_study_name_from_id(request.study_id)
        except (KeyError, StudyUnreadable) as error:
            # That one cannot be read is told with its name.
            if isinstance(error, StudyUnreadable) and principal.sees(error.name):
                raise
            name = None
        if name is None or not principal.sees(name):
            raise _NotFound(call.concerns, getattr(request, call.concerns))

    def _create(self, principal: Principal, answer: Handler, request: Any, context: grpc.ServicerContext) -> Any:
        """Create a study, or tell that it is there. Who may not create one is told without trying: it would be there
        where another deletes it meanwhile."""
        if request.study_name in self._storage.engine.study_names():
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"a study is called {request.study_name!r}; load it")
        check(principal, ADMIN, None)
        with self._limits.creating(principal, self._count_created):
            return answer(request, context)

    def _count_created(self, token_id: str) -> int:
        with self._storage.engine.database.read() as connection:
            return count_created(connection, token_id)


def _asks_for_admin(method: str, request: Any) -> bool:
    """Whether this very request does what only an admin may, though others make such calls."""
    if method == "CreateNewTrial":
        if request.template_trial_is_none:
            return False
        template = request.template_trial
        ours = any(key.startswith(_NOT_A_WORKERS) for key in template.system_attributes)
        return ours or template.state == api_pb2.WAITING
    setting = method in ("SetStudySystemAttribute", "SetTrialSystemAttribute")
    return setting and request.key.startswith(_NOT_A_WORKERS)


def address_of(peer: str) -> str | None:
    """The address in what gRPC calls a peer, `ipv4:10.0.0.7:4242` or `ipv6:[::1]:4242`; None where there is none."""
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else None


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace")


def _abort(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), _STATUS[StorageUnavailable])
    if isinstance(error, TooManyRequests):
        context.set_trailing_metadata([("retry-after", str(error.more["retry_after_seconds"]))])
    context.abort(status, str(error))
    raise AssertionError("abort raises")


def _taken(method: str, request: Any) -> dict[str, int]:
    """How many trials and steps a call brings."""
    if method == "CreateNewTrial":
        return {"trials": 1, "steps": len(request.template_trial.intermediate_values)}
    return {"steps": 1} if method == "SetTrialIntermediateValue" else {}


def _only_seen(principal: Principal, reply: Any) -> Any:
    """The list of all studies, without those that are not in scope."""
    if principal.everywhere:
        return reply
    seen = [study for study in reply.studies if principal.sees(study.study_name)]
    return api_pb2.GetAllStudiesReply(studies=seen)
