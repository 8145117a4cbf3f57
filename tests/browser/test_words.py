"""Scripts write numbers as the service's sentences do."""

import random

from lrtune.service.sentences.words import loss
from tests.browser.conftest import Open
from tests.end_to_end.conftest import Service

_TABLE = [
    *(0.00056789, 12345, 12350, 9999.5, 9999.4, 0.000099995, 0.0001, 1e-5, 1e22, 1e300, 5e-324, 100000, 1000, 999.95),
    *(0.0, 1, -1, 0.5, 0.25, 2 / 3, -2.5e-7, 123.456, 1234.5, 1235.5, 123.25, 0.03125, 0.1 + 0.2, 2.0**-14),
]


def test_a_loss_reads_alike_in_python_and_in_scripts(service: Service, tabs: Open) -> None:
    chance = random.Random(7)
    drawn = [chance.choice((-1, 1)) * 10 ** chance.uniform(-9, 9) for _ in range(300)]
    values = [float(value) for value in _TABLE + drawn]
    tab = tabs(service.address)
    tab.open("/")
    module = tab.page.evaluate_handle("() => import('/assets/live/words.js')")
    written = module.evaluate("(words, values) => values.map(words.loss)", values)
    assert dict(zip(values, written, strict=True)) == {value: loss(value) for value in values}
    assert module.evaluate("(words) => ['nan', 'inf', '-inf'].map(words.loss)") == ["nan", "inf", "-inf"]
