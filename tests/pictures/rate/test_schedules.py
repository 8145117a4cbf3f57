"""The picture of schedules: over which axis, and what is marked."""

from lrtune.service.pictures.parts import Picture, Points
from lrtune.service.pictures.rate.schedules import schedules_picture
from lrtune.service.rates.schedules import SchedulePreview

_DYING = SchedulePreview(tuple(range(100)), tuple([1.0] * 60 + [0.001] * 40))
_ALIVE = SchedulePreview(tuple(range(100)), tuple(1 - step / 101 for step in range(100)))


def _marks(picture: Picture) -> list[Points]:
    return [layer for layer in picture.panels[0].layers if isinstance(layer, Points)]


def test_a_mark_stands_where_a_rate_dies_and_none_where_it_does_not() -> None:
    mark, key = _marks(schedules_picture({"wsd": _DYING, "linear": _ALIVE}))
    assert (mark.x, mark.at) == ([60], "bottom")
    assert "step 60" in mark.texts[0]
    assert key.label == "from here on below 1 % of its peak"
    assert _marks(schedules_picture({"linear": _ALIVE})) == []


def test_with_steps_per_epoch_the_axis_counts_epochs() -> None:
    picture = schedules_picture({"wsd": _DYING}, steps_per_epoch=20)
    (panel,) = picture.panels
    assert panel.x.title == "epoch"
    mark = _marks(picture)[0]
    assert mark.x == [3.0]
    assert "epoch 3" in mark.texts[0]
    assert schedules_picture({"wsd": _DYING}).panels[0].x.title == "optimizer step"
