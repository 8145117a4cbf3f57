"""The picture of a study without a learning rate."""

from pydantic import TypeAdapter

from lrtune.service.pictures.drawing.matplotlib_figure import figure as drawn
from lrtune.service.pictures.space.parameters import Tried, parameters_picture
from lrtune.service.wire.search_space import Parameter

SPACE = TypeAdapter(dict[str, Parameter]).validate_python(
    {
        "max_depth": {"type": "int", "low": 1, "high": 20},
        "l2": {"type": "float", "low": 1e-6, "high": 1.0, "log": True},
        "criterion": {"type": "categorical", "choices": ["gini", "entropy"]},
    }
)


def test_each_number_has_a_panel_with_every_trial_that_has_it() -> None:
    trials = [
        Tried(0, "complete", {"max_depth": 3, "l2": 1e-3, "criterion": "gini"}, 0.3),
        Tried(1, "pruned", {"max_depth": 9, "l2": 1e-2, "criterion": "gini"}, 0.6),
        Tried(2, "failed", {"max_depth": 5, "criterion": "gini"}, None),
    ]
    counts = {"complete": 1, "pruned": 1, "failed": 1}
    picture = parameters_picture(trials, SPACE, title="study s", metric="loss", direction="minimize", counts=counts)
    figure = drawn(picture)
    depth, l2 = figure.axes
    assert (depth.get_xlabel(), depth.get_xscale(), l2.get_xlabel(), l2.get_xscale()) == (
        "max_depth",
        "linear",
        "l2",
        "log",
    )
    assert (len(depth.collections), len(l2.collections)) == (4, 3), "the best is ringed"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "complete: 1",
        "pruned, at the last loss reported: 1",
        "failed: 1",
        "best: trial 0",
    ]
    assert figure.get_suptitle() == "study s: 3 trials"
