"""Pictures and cards of a study in Python, over a real service."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
import plotly.graph_objects as go
import pytest

import lrtune
from lrtune.trainers.client.client import Client
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.errors import LrtuneError
from tests.api.conftest import serving
from tests.fake_service import listening

PLAIN: dict[str, Any] = {"sampler": "random", "pruner": "none", "max_steps": 4, "prior": "none"}
NASTY = '<script>alert("1")</script>'
RATES = [1e-5 * 1.5**n for n in range(30)]
LOSSES = [2.0 - 0.05 * n if n < 22 else 2.0 + (n - 22) ** 2 for n in range(30)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('drawn')}/lrtune.db") as app:

        def answer(request: httpx2.Request) -> httpx2.Response:
            where = str(request.url.raw_path, "ascii")
            kind = {"content-type": "application/json"}
            found = app.request(request.method, where, content=request.content, headers=kind)
            return httpx2.Response(found.status_code, content=found.content, headers=dict(found.headers))

        with listening(answer) as address, Client(address) as found:
            yield found


@pytest.fixture(scope="module")
def study(client: Client) -> StudyHandle:
    made = client.create_study("drawn", **PLAIN, description=NASTY)
    for n in range(6):
        curve = [(step, 1.0 / step + n / 10) for step in range(1, 5)]
        client.record("drawn", {"learning_rate": 10.0 ** (n - 5)}, reports=curve)
    client.record("drawn", {"learning_rate": 0.9}, state="diverged", reports=[(1, 2.0), (2, float("nan"))])
    client.add_range_test("drawn", RATES, [LOSSES])
    client.create_study("other", **PLAIN)
    client.record("other", {"learning_rate": 0.01}, value=0.3)
    return client.study(made.name)


@pytest.mark.parametrize("name", ["response", "curves", "range_test", "best", "parameters"])
def test_each_picture_is_a_plotly_figure_with_the_studys_name_and_a_png(
    study: StudyHandle, name: Any, tmp_path: Path
) -> None:
    figure = getattr(study, f"plot_{name}")()
    assert isinstance(figure, go.Figure)
    assert "drawn" in figure.layout.title.text
    assert len(figure.data) >= 1
    kept = study.picture(name).save(tmp_path / "kept.png")
    assert kept.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", [name for name in dir(StudyHandle) if name.startswith("plot_")])
def test_every_plot_of_a_study_shows_itself_in_a_notebook(study: StudyHandle, name: str) -> None:
    shown = getattr(study, name)(*(["other"] if name == "plot_compare" else []))
    assert "<div" in shown._repr_html_()
    assert (
        "<div"
        in study.picture(
            name.removeprefix("plot_"), **({"others": ["other"]} if "compare" in name else {})
        )._repr_html_()
    )  # type: ignore[arg-type]


def test_the_best_so_far_falls_with_each_improvement_and_never_rises(study: StudyHandle) -> None:
    (line,) = [trace for trace in study.plot_best().data if trace.mode == "lines" and trace.name]
    values = [value for value in line.y if value is not None]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(study.status().best.value)  # type: ignore[union-attr]


def test_studies_are_compared_by_name_or_as_they_are(client: Client, study: StudyHandle) -> None:
    for figure in (study.plot_compare("other"), study.plot_compare(client.study("other"))):
        assert "other" in figure.layout.title.text
    assert "other" in client.plot_compare(["drawn", "other"]).layout.title.text
    with pytest.raises(ValueError, match="2 to 5 different studies"):
        client.plot_compare(["drawn", "drawn"])


def test_where_there_is_nothing_to_draw_it_says_so(client: Client, study: StudyHandle) -> None:
    empty = client.create_study("empty", **PLAIN)
    with pytest.raises(LrtuneError, match="no trial of study empty has reported yet"):
        empty.plot_curves()
    with pytest.raises(LrtuneError, match="no range test"):
        empty.plot_range_test()
    with pytest.raises(ValueError, match="no picture 'loss'"):
        study.picture("loss")  # type: ignore[arg-type]
    assert isinstance(empty.plot_response(), go.Figure)
    assert isinstance(empty.plot_best(), go.Figure)


def test_schedules_are_drawn_beside_each_other_without_a_service(tmp_path: Path) -> None:
    two = lrtune.plot_schedule("cosine", {"name": "cosine"}, base_learning_rate=0.1, total_steps=100)
    assert [trace.name for trace in two.data if trace.name.startswith("cosine")] == ["cosine", "cosine 2"]
    first = next(trace for trace in two.data if trace.name == "cosine")
    assert max(first.y) == pytest.approx(0.1)
    drawn = lrtune.schedule_picture("cosine", base_learning_rate=0.1, total_steps=10)
    assert drawn.save(tmp_path / "one.png").stat().st_size > 1000
    with pytest.raises(lrtune.ScheduleError):
        lrtune.plot_schedule("no-such", base_learning_rate=0.1, total_steps=100)


def test_without_plotly_it_says_what_to_install(study: StudyHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"pictures need plotly: pip install 'lrtune\[plots\]'"):
        study.plot_response()


def cards(client: Client, study: StudyHandle) -> list[Any]:
    trials = list(client.trials("drawn"))
    shown = [study, study.suggestion(), trials[0], client.trial("drawn", 6), *client.range_tests("drawn")]
    return [*shown, lrtune.RangeTest.of(RATES, [LOSSES], [0])]


def test_cards_are_well_formed_small_and_fetch_nothing(client: Client, study: StudyHandle) -> None:
    for shown in cards(client, study):
        html = shown._repr_html_()
        ElementTree.fromstring(html)
        assert len(html) < 10_000
        assert "http://" not in html.replace(client.server, "")
        assert "src=" not in html
        assert "url(" not in html


def test_cards_escape_what_others_wrote(client: Client, study: StudyHandle) -> None:
    assert "<script" not in study._repr_html_()
    assert "&lt;script&gt;" in study._repr_html_()
    failed = client.record("other", {"learning_rate": 0.5}, state="failed").model_copy(update={"error": NASTY})
    assert "<script" not in failed._repr_html_()


def test_a_card_asks_nobody(client: Client, study: StudyHandle) -> None:
    shown = [study, study.suggestion()]
    with Client("http://127.0.0.1:9", retry_seconds=0.0) as away:
        shown[0] = StudyHandle(away._connection, study.spec)
        assert all("learning" in one._repr_html_() for one in shown)


def test_the_suggestion_is_a_bar_with_its_rate_on_it(study: StudyHandle) -> None:
    found = study.suggestion()
    html = found._repr_html_()
    assert found.interval is not None
    root = ElementTree.fromstring(html)
    (dot,) = root.iter("circle")
    bar = list(root.iter("line"))[1]
    assert float(bar.attrib["x1"]) <= float(dot.attrib["cx"]) <= float(bar.attrib["x2"])
