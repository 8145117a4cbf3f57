"""A service that wants tokens, for tests of who may do what, and how much of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import Json
from tests.support import migrated


def bearer(token: Json) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token['secret']}"}


class Secured:
    """A service with an admin's token, which has no limits, and a study."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.admin = client.post("/v1/tokens", json={"role": "admin"}).json()
        self.create("s")

    def token(self, role: str = "worker", **limits: object) -> Json:
        answer = self.client.post("/v1/tokens", json={"role": role, "limits": limits}, headers=bearer(self.admin))
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def create(self, name: str, by: Json | None = None, **more: object) -> Json:
        spec = {"name": name, "sampler": {"name": "random"}, "pruner": {"name": "none"}, "prior": "none", **more}
        return self("POST", "/v1/studies", spec, by=by or self.admin)

    def __call__(self, method: str, path: str, body: object = None, *, by: Json | None = None) -> Json:
        """The answer's members, its status and headers."""
        answer = self.client.request(method, path, json=body, headers={} if by is None else bearer(by))
        members: Json = answer.json() if answer.content and "json" in answer.headers["content-type"] else {}
        return {**members, "status": answer.status_code, "headers": answer.headers}

    def ask(self, by: Json, request_id: str) -> Json:
        return self("POST", "/v1/studies/s/trials", {"worker": "w", "request_id": request_id}, by=by)

    def report(self, by: Json, leased: Json, *steps: int) -> Json:
        reports = [{"step": step, "value": 0.5} for step in steps]
        path = f"/v1/studies/s/trials/{leased['number']}/reports"
        return self("POST", path, {"lease": leased["lease"], "reports": reports}, by=by)


@contextmanager
def served(storage: str, **settings: object) -> Iterator[Secured]:
    migrated.make(storage)
    app = create_app(Settings.model_validate({"storage": storage, **settings}))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Secured(client)
