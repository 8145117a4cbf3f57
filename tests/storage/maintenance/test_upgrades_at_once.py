"""Alembic has one context a process; engines of several databases may start at once in one."""

import threading
from pathlib import Path

from lrtune.service.storage.engine.engine import open_engine


def test_databases_that_are_made_at_once_in_one_process_are_all_whole(tmp_path: Path) -> None:
    names: list[list[str]] = []

    def make(number: int) -> None:
        engine = open_engine(f"sqlite:///{tmp_path}/{number}.db")
        names.append(list(engine.study_names()))
        engine.close()

    threads = [threading.Thread(target=make, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert names == [[]] * 6
