"""A Client that was made before its process forked, and one that is sent to a spawned process."""

import os
import pickle
import threading
import time
from collections.abc import Callable
from multiprocessing import get_context

import httpx2
import pytest

from lrtune import Client, LrtuneError
from lrtune.service.wire.access.secrets import new_secret
from tests.fake_service import STUDY, FakeService, listening

CHILDREN = 4
ASKS = 50


def _name_of(request: httpx2.Request) -> httpx2.Response:
    """Every study exists; its description is its name, so that a reply for somebody else shows."""
    name = request.url.path.rpartition("/")[2]
    time.sleep(0.001)
    return httpx2.Response(200, json={**STUDY, "name": name, "description": name})


def _crossed(client: Client, process: int) -> int:
    """How many replies belonged to somebody else."""
    names = [f"{process}-{ask}" for ask in range(ASKS)]
    return sum(client.study(name).spec.description != name for name in names)


def _in_child(work: Callable[[], int]) -> int:
    """The pid of a forked child that exits with what `work` returns."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return child


def test_replies_do_not_cross_between_forked_processes() -> None:
    with listening(_name_of) as address, Client(address, retry_seconds=5) as client:
        client.study("opens-a-connection")
        children = [_in_child(lambda process=process: _crossed(client, process)) for process in range(CHILDREN)]
        assert _crossed(client, 99) == 0
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * CHILDREN


def test_a_child_that_was_forked_while_another_thread_was_asking_does_not_hang() -> None:
    with listening(_name_of) as address, Client(address, retry_seconds=5) as client:
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                client.study("busy")

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                assert os.waitstatus_to_exitcode(os.waitpid(_in_child(lambda: _crossed(client, 0)), 0)[1]) == 0
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def test_a_childs_end_leaves_the_parents_connection_open() -> None:
    with listening(_name_of) as address, Client(address, retry_seconds=0) as client:
        client.study("opens-a-connection")

        def close() -> int:
            client.close()
            return 0

        os.waitpid(_in_child(close), 0)
        assert _crossed(client, 1) == 0


def test_a_client_can_be_sent_to_a_spawned_process() -> None:
    with (
        listening(_name_of) as address,
        Client(address, token=new_secret(), retry_seconds=7) as client,
        get_context("spawn").Pool(1) as pool,
    ):
        assert pool.apply(_crossed, (client, 3)) == 0
        again = pickle.loads(pickle.dumps(client.study("s")))
        assert (again.name, again.spec) == ("s", client.study("s").spec)
        assert pickle.loads(pickle.dumps(client))._connection.retry.total_seconds == 7


def test_what_cannot_be_sent_to_another_process_says_what_to_do(client: Client, service: FakeService) -> None:
    with pytest.raises(LrtuneError, match=r"make one there, Client\(server\)"):
        pickle.dumps(client)
    with pytest.raises(LrtuneError, match=r"send trial\.params"):
        pickle.dumps(next(client.study("s").leases()))
