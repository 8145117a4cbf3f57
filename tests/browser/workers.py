"""Workers whose every step the test decides, and studies with a history."""

import math
import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

Json = dict[str, Any]

SPACE: Json = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 10, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
    "weight_decay": {"type": "float", "low": 1e-6, "high": 0.1, "log": True},
}


@dataclass
class Trial:
    """A trial on lease."""

    workers: "Workers"
    study: str
    number: int
    lease: str
    params: Json

    def report(self, step: int, value: float | str) -> Json:
        """The verdict."""
        body = {"lease": self.lease, "reports": [{"step": step, "value": value}]}
        return self.workers.post(f"/v1/studies/{self.study}/trials/{self.number}/reports", body)

    def end(self, state: str = "complete", **more: object) -> Json:
        """Its result."""
        return self.workers.post(
            f"/v1/studies/{self.study}/trials/{self.number}/result", {"lease": self.lease, "state": state, **more}
        )


class Workers:
    """Calls of the API, as workers and others make them."""

    def __init__(self, address: str, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = httpx2.Client(base_url=address, timeout=60, headers=headers)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """What is answered; fails where that is an error."""
        answer = self._client.post(path, json=body)
        assert answer.is_success, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    def get(self, path: str) -> Json:
        answer = self._client.get(path)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    def patch(self, study: str, **settings: object) -> None:
        answer = self._client.patch(f"/v1/studies/{study}", json=settings)
        assert answer.is_success, answer.text

    def delete(self, study: str) -> None:
        answer = self._client.delete(f"/v1/studies/{study}")
        assert answer.is_success, answer.text

    def revoke(self, token: str) -> None:
        answer = self._client.delete(f"/v1/tokens/{token}")
        assert answer.is_success, answer.text

    def create(self, name: str, **spec: object) -> str:
        """A study; its name."""
        plain: Json = {"metric": "val_loss", "max_steps": 20, "max_trials": 60, "search_space": SPACE}
        self.post("/v1/studies", {"name": name, **plain, **spec})
        return name

    def lease(self, study: str, worker: str = "gpu-1:4242") -> Trial:
        """A trial to train."""
        got = self.post(f"/v1/studies/{study}/trials", {"worker": worker, "request_id": str(uuid.uuid4())})
        assert "lease" in got, got
        return Trial(self, study, got["number"], got["lease"], got["params"])

    def record(self, study: str, params: Mapping[str, object], values: Iterable[float | str], **more: object) -> Json:
        """A training done elsewhere."""
        reports = [{"step": step, "value": value} for step, value in enumerate(values, 1)]
        return self.post(f"/v1/studies/{study}/trials/record", {"params": params, "reports": reports, **more})

    def search(self, study: str, trials: int, seed: int = 0) -> None:
        """Trials as the service hands them out and stops them, over the valley that `fill` has."""
        draw = random.Random(seed)
        for number in range(trials):
            trial = self.lease(study, worker=f"gpu-{number % 4}:4242")
            params = trial.params
            for step, value in enumerate(_curve(params["learning_rate"], params["optimizer"], draw), 1):
                verdict = trial.report(step, value)
                if verdict["verdict"] != "continue":
                    trial.end("diverged" if verdict["reason"] == "diverged" else "pruned")
                    break
            else:
                trial.end()

    def fill(self, study: str, trials: int, seed: int = 0) -> None:
        """Trials over a valley with a cliff, for the space `SPACE`: some diverge."""
        draw = random.Random(seed)
        for _ in range(trials):
            optimizer = draw.choice(["sgd", "adamw"])
            params = {
                "learning_rate": 10 ** draw.uniform(-5, 1),
                "optimizer": optimizer,
                "weight_decay": 10 ** draw.uniform(-6, -1),
            }
            curve = _curve(float(params["learning_rate"]), optimizer, draw)
            state = "diverged" if curve[-1] == "nan" else "complete"
            self.record(study, params, curve, state=state)


def _curve(rate: float, optimizer: str, draw: random.Random) -> Sequence[float | str]:
    away = math.log10(rate) - {"sgd": -1.0, "adamw": -2.7}[optimizer]
    if away > 0.9:
        return [2.3, 7.1, 44.0, "nan"]
    floor, speed = 0.2 + 0.35 * abs(away) ** 1.6, min(1.5, 10 ** (0.7 * away))
    return [
        max(0.05, floor + (2.3 - floor) * math.exp(-speed * step * 0.35) + draw.gauss(0, 0.02)) for step in range(1, 21)
    ]
