"""Writes docs/reference/sentences.md: odd studies, and all that is said of each.

python -m tests.sentences.page
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.wire.as_text import suggestion_line, suggestion_reasons
from lrtune.service.wire.studies import StudyStatus, Suggestion
from lrtune.service.wire.trials import Diagnosis
from tests.docs.pages import DOCS
from tests.sentences.odd_studies import STUDIES, OddStudy, make

PAGE = DOCS / "reference" / "sentences.md"

_HEAD = """# What is said of a study

Odd studies, and what lrtune says of each: its state (`lrtune study show`), its suggestion (`lrtune suggest`), the
learning rates of its trainings with the lowest, the middle and the highest one (`diagnosis`), its range tests.
`tests/sentences/odd_studies.py` makes them, `python -m tests.sentences.page` writes this page. The sentences are in
`service/sentences`.
"""


@dataclass(frozen=True)
class Told:
    """What is said of a study; the diagnoses by trial."""

    status: StudyStatus
    diagnoses: Mapping[int, Diagnosis]
    range_tests: Sequence[str]

    @property
    def suggestion(self) -> Suggestion:
        return self.status.suggestion


def all_told() -> dict[str, Told]:
    """What is said of each odd study, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(storage=f"sqlite:///{folder}/lrtune.db"))
        with TestClient(app, base_url="http://127.0.0.1") as http:
            for study in STUDIES:
                make(http, study)
            return {study.name: _told(http, study) for study in STUDIES}


def _told(http: TestClient, study: OddStudy) -> Told:
    path = f"/v1/studies/{study.name}"
    status = StudyStatus.model_validate(_get(http, f"{path}/status"))
    found = {number: _get(http, f"{path}/trials/{number}")["diagnosis"] for number in _of_interest(study)}
    diagnoses = {number: Diagnosis.model_validate(said) for number, said in found.items() if said is not None}
    return Told(
        status,
        diagnoses,
        [" ".join([test["reason"], *test["warnings"]]) for test in _get(http, f"{path}/range-tests")["items"]],
    )


def _lines(study: OddStudy, told: Told) -> Iterator[str]:
    yield f"state: {told.status.explanation}"
    suggestion = told.suggestion
    yield from (f"suggest: {line}" for line in [*suggestion_reasons(suggestion), suggestion_line(suggestion)])
    yield from (f"warning: {warning}" for warning in suggestion.warnings)
    for number, found in told.diagnoses.items():
        rate = study.runs[number].params.get("learning_rate")
        at = "" if rate is None else f" at {rate:.2g}"
        yield f"trial {number}{at}: {found.verdict}: {'; '.join(found.evidence)}"
    yield from (f"range test: {said}" for said in told.range_tests)


def _of_interest(study: OddStudy) -> Sequence[int]:
    """The trainings with the lowest, the middle and the highest rate."""
    ranked = sorted(range(len(study.runs)), key=lambda number: study.runs[number].params.get("learning_rate", 0.0))
    return [ranked[place] for place in sorted({0, len(ranked) // 2, len(ranked) - 1})] if ranked else []


def _get(http: TestClient, path: str) -> Any:
    answer = http.get(path)
    assert answer.is_success, f"{path}: {answer.text}"
    return answer.json()


def written(told: Mapping[str, Told]) -> str:
    """The page."""
    parts = [_HEAD]
    for study in STUDIES:
        lines = "\n".join(f"- {line}" for line in _lines(study, told[study.name]))
        parts.append(f"\n## {study.name}\n\n{study.about}\n\n{lines}\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(written(all_told()))
