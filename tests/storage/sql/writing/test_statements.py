"""Every kind of row has its statement, and says what it does."""

import ast
import inspect
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lrtune.service.storage.sql import execution
from lrtune.service.storage.sql.writing.statements import Op, Statements


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_kind_of_row_but_the_barrier_has_a_statement(dialect: str) -> None:
    assert set(Statements(dialect)._texts) == set(Op) - {Op.BARRIER}


def test_sqlite_knows_every_statement(migrated_sqlite: Path) -> None:
    with closing(sqlite3.connect(migrated_sqlite)) as database:
        for texts in Statements("sqlite")._texts.values():
            for text in texts:
                names = {word.strip("(),") for word in text.replace(":", " :").split() if word.startswith(":")}
                plan = database.execute(f"EXPLAIN {text}", {name.lstrip(":").strip("(),"): None for name in names})
                assert plan.fetchall()


def test_every_kind_of_row_is_described_where_it_is_named() -> None:
    (definition,) = ast.parse(inspect.getsource(Op)).body
    assert isinstance(definition, ast.ClassDef)
    body = definition.body[1:]
    named = [node.targets[0].id for node in body[::2] if isinstance(node, ast.Assign)]  # type: ignore[attr-defined]
    described = [node for node in body[1::2] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    assert named == [op.name for op in Op]
    assert len(described) == len(Op)


def test_rows_run_in_the_order_of_their_kinds_whatever_order_they_came_in() -> None:
    ran: list[str] = []

    def execute(text: str, _rows: execution.Rows) -> execution.Answer:
        ran.append(text.split()[0] + " " + text.split()[2])
        return execution.Answer(written=1)

    report = {"trial_id": 1, "step": 1, "intermediate_value": 0.5, "intermediate_value_type": "FINITE"}
    study = {"study_id": 1, "study_name": "s"}
    later = {"study_id": 2, "study_name": "t"}
    rows = [(Op.SET_INTERMEDIATE, report), (Op.INSERT_STUDY, study), (Op.BARRIER, {}), (Op.INSERT_STUDY, later)]
    Statements("sqlite").run(execute, rows)
    assert ran == ["INSERT studies", "INSERT trial_intermediate_values", "INSERT studies"]
