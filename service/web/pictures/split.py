"""By which parameter the picture of loss over rate is split into panels, where one asks for another than it chooses."""

from lrtune.service.wire.responses import LearningRateResponse


def split_by(found: LearningRateResponse, by: str | None) -> LearningRateResponse:
    """The same response with the choices of that parameter alone, so that nothing else tells its points apart: one
    panel where no parameter is named so. As it is where `by` is None."""
    if by is None:
        return found
    points = [
        point.model_copy(update={"categories": {name: one for name, one in point.categories.items() if name == by}})
        for point in found.points
    ]
    return found.model_copy(update={"points": points})
