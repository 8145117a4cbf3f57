import json

import pytest

from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService


def test_without_a_study_the_service_is_asked_what_past_studies_found(
    lrtune: Lrtune, service: FakeService, address: str
) -> None:
    ran = lrtune("suggest", "--optimizer", "adamw", "--batch-size", "256", "--family", "cnn")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].startswith("suggested learning_rate=0.00312 interval=[0.00181, 0.0052]")
    wanted = {"optimizer": "adamw", "batch_size": 256, "total_steps": None, "family": "cnn"}
    assert service.bodies("/v1/suggestions") == [wanted]
    assert json.loads(lrtune("suggest", "--json").out)["basis"] == "prior"


def test_tags_say_what_past_studies_are_looked_for(lrtune: Lrtune, service: FakeService, address: str) -> None:
    ran = lrtune(
        "suggest", "--tag", "family=cnn", "--tag", "batch_size=64", "--optimizer", "sgd", "--tag", "optimizer=sgd"
    )
    assert ran.code == 0, ran.err
    wanted = {"optimizer": "sgd", "batch_size": 64, "total_steps": None, "family": "cnn"}
    assert service.bodies("/v1/suggestions") == [wanted]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--tag", "family"), "--tag: 'family' lacks a =: write KEY=VALUE"),
        (("--tag", "data=x"), "--tag data=x: past studies are found by optimizer, batch_size, total_steps, family"),
        (("--tag", "batch_size=many"), "--tag batch_size=many: must be a whole number"),
        (("--tag", "batch_size=64", "--batch-size", "32"), "--batch-size says 32: leave one of them out"),
        (("s", "--tag", "family=cnn"), "name it alone"),
        (("s", "--optimizer", "sgd"), "name it alone"),
        (("--optimizer", ""), "--optimizer"),
        (("--batch-size", "0"), "--batch-size"),
    ],
)
def test_what_cannot_be_asked_is_told_before_the_service_is(
    lrtune: Lrtune, service: FakeService, address: str, arguments: tuple[str, ...], told: str
) -> None:
    ran = lrtune("suggest", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert service.calls == []
