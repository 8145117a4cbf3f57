"""A simulated worker: asks, trains nothing, reports, now and then is killed; and the one who takes its place."""

import asyncio
import math
import random
import time
import uuid
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.fleet.journal import Journal
from tests.benchmarks.fleet.plan import MAIN, Plan
from tests.benchmarks.fleet.wire import Route, Wire
from tests.benchmarks.storage.http_client import UnexpectedReply, get, post

_LOOK_EVERY_SECONDS = 0.1
_LOOK_BEFORE_SECONDS = 0.5
_RESTART_SECONDS = 1.0


class Killed(Exception):
    """The worker is no more."""


@dataclass
class Lease:
    """A trial on lease, as its worker knows it."""

    study: str
    worker: str
    number: int
    attempt: int
    token: str
    params: dict[str, Any]
    begins: int
    """The step after which it goes on."""
    last_step: int
    checkpoint: int
    """The latest that was acknowledged; 0: none."""
    sent: float
    """When the request was sent that renewed it last, by the monotonic clock."""
    ends: int
    """The step at which this training is over: trainings are of random length."""

    @property
    def path(self) -> str:
        """Of the trial."""
        return f"/v1/studies/{self.study}/trials/{self.number}"

    @property
    def known(self) -> dict[str, Any]:
        """What names it in the journal."""
        return {"study": self.study, "number": self.number, "attempt": self.attempt}


class Worker:
    """One place in the fleet. `until`: when all stop, by the monotonic clock."""

    def __init__(self, place: int, plan: Plan, route: Route, journal: Journal, until: float) -> None:
        self.first_leased_at = math.inf
        """By the monotonic clock."""
        self._place, self._plan, self._journal, self._until = place, plan, journal, until
        self._route = route
        self._lives = 0
        self._over: set[str] = set()
        self._killed_at = math.inf
        self._watches: list[asyncio.Task[None]] = []
        self._begin_life()

    def _begin_life(self) -> None:
        self._lives += 1
        self._name = f"worker-{self._place}-{self._lives}"
        self._wire = Wire(self._route, self._journal, self._name, self._plan.cut_share)
        self._killed_at = time.monotonic() + random.expovariate(self._plan.kills_per_minute / 60)

    async def work(self, begin: float) -> None:
        """Train from `begin` to the end; killed workers are replaced. Errors are written down, and gone on from."""
        await asyncio.sleep(begin - time.monotonic())
        while time.monotonic() < self._until:
            try:
                lease = await self._ask()
                if lease is not None:
                    await self._train(lease)
            except Killed:
                await asyncio.sleep(_RESTART_SECONDS)
                self._begin_life()
            except UnexpectedReply as error:
                self._journal.note("error", at=time.monotonic(), worker=self._name, text=str(error))
                await asyncio.sleep(_RESTART_SECONDS)
        self._wire.hang_up()
        await asyncio.gather(*self._watches)

    async def _ask(self) -> Lease | None:
        home = self._plan.home(self._place) if self.first_leased_at < math.inf else MAIN
        study = MAIN if home in self._over else home
        resumable = self._plan.resumable(self._place)
        body = {"worker": self._name, "request_id": uuid.uuid4().hex, "resumable": resumable}
        began = time.monotonic()
        status, told = await self._wire.call("ask", post(f"/v1/studies/{study}/trials", body), 201, 200)
        if status == 201:
            lease = self._lease(study, told, began, resumable)
            self._journal.note("lease", at=time.monotonic(), worker=self._name, begins=lease.begins, **lease.known)
            self.first_leased_at = min(self.first_leased_at, time.monotonic())
            return lease
        if told["done"]:
            self._journal.note("done", at=time.monotonic(), study=study, reason=told["reason"])
            self._over.add(study)
            await asyncio.sleep(self._plan.step_seconds if study == MAIN else 0)
        else:
            await asyncio.sleep(min(told["retry_after_seconds"], max(0.0, self._until - time.monotonic())))
        return None

    def _lease(self, study: str, told: dict[str, Any], sent: float, resumable: bool) -> Lease:
        begins = told["resume"]["step"] if told["resume"] else 0
        full = told["max_steps"]
        ends = full if resumable else random.randint(max(1, full // 4), full)
        names = told["number"], told["attempt"], told["lease"], told["params"]
        return Lease(study, self._name, *names, begins, begins, begins, sent, max(ends, begins + 1))

    async def _train(self, lease: Lease) -> None:
        while lease.last_step < lease.ends:
            await asyncio.sleep(self._plan.step_seconds * random.uniform(0.8, 1.2))
            if time.monotonic() >= self._until:
                await self._release(lease)
                return
            verdict = await self._report(lease, lease.last_step + 1)
            if verdict["verdict"] == "pause":
                await self._release(lease, paused=True)
                return
            if verdict["verdict"] == "stop":
                await self._finish(lease, "diverged" if verdict["reason"] == "diverged" else "pruned")
                return
        await self._finish(lease, "complete")

    async def _report(self, lease: Lease, step: int) -> dict[str, Any]:
        value = _loss(lease, step, self._plan.max_steps)
        body: dict[str, Any] = {"lease": lease.token, "reports": [{"step": step, "value": value}]}
        if step % self._plan.checkpoint_every == 0:
            body["checkpoint"] = _checkpoint(lease, step)
        request = post(f"{lease.path}/reports", body)
        if time.monotonic() >= self._killed_at:
            await self._die(lease, step, request)
        began = time.monotonic()
        _, verdict = await self._wire.call("report", request, 200)
        lease.last_step, lease.sent = step, began
        if "checkpoint" in body:
            lease.checkpoint = step
        self._journal.note("report", at=time.monotonic(), step=step, value=value, **lease.known)
        told: dict[str, Any] = verdict
        return told

    async def _die(self, lease: Lease, step: int, request: bytes) -> None:
        """Half of those who are killed had a report on its way. Raises Killed."""
        at = time.monotonic()
        untold = None
        if random.random() < 0.5:
            untold, lease.sent = step, at
            await self._wire.send_and_die(request)
        self._wire.hang_up()
        self._journal.note(
            "kill", at=at, untold=untold, step=lease.last_step, checkpoint=lease.checkpoint, **lease.known
        )
        self._watches.append(asyncio.create_task(self._see_freed(lease)))
        raise Killed

    async def _see_freed(self, lease: Lease) -> None:
        """Look when the service takes the lease of a dead worker back."""
        ttl = self._plan.lease_ttl_seconds
        await asyncio.sleep(lease.sent + ttl - _LOOK_BEFORE_SECONDS - time.monotonic())
        wire = Wire(self._route, self._journal, "looking", 0.0)
        try:
            while True:
                _, trial = await wire.call("look", get(lease.path), 200)
                if trial["state"] != "running" or trial["worker"] != lease.worker:
                    break
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
            self._journal.note("freed", at=time.monotonic(), sent=lease.sent, **lease.known)
        except UnexpectedReply as error:
            self._journal.note("error", at=time.monotonic(), worker="looking", text=str(error))
        finally:
            wire.hang_up()

    async def _finish(self, lease: Lease, state: str) -> None:
        value = _loss(lease, lease.last_step, self._plan.max_steps) if state == "complete" else None
        body = {"lease": lease.token, "state": state, "value": value}
        await self._wire.call("result", post(f"{lease.path}/result", body), 200)
        self._journal.note("result", at=time.monotonic(), state=state, value=value, **lease.known)

    async def _release(self, lease: Lease, *, paused: bool = False) -> None:
        checkpoint = _checkpoint(lease, lease.last_step) if lease.last_step else None
        body = {"lease": lease.token, "checkpoint": checkpoint}
        at = time.monotonic()  # From here on the trial may be another's, whenever the answer comes.
        # A release whose reply was lost is answered 409 when it is repeated: docs/explanation/faults.md, limits.
        await self._wire.call("release", post(f"{lease.path}/release", body), 200, 409)
        lease.checkpoint = lease.last_step
        kept = {"step": lease.last_step, "checkpoint": lease.checkpoint}
        self._journal.note("release", at=at, paused=paused, **kept, **lease.known)


def _checkpoint(lease: Lease, step: int) -> dict[str, Any]:
    return {"uri": f"file:///fleet/{lease.study}/{lease.number}/{step}", "step": step}


def _loss(lease: Lease, step: int, full: int) -> float:
    """A learning curve with its best rate at 10^-2.5 and an edge above 10^-0.5; no two values are the same."""
    log_rate = math.log10(lease.params["learning_rate"])
    if log_rate > -0.5:
        return 3.0 + step + random.random()
    end = 0.1 + 0.05 * (log_rate + 2.5) ** 2
    return end + 2.0 * math.exp(-4.0 * step / full) + random.uniform(0.0, 0.02)
