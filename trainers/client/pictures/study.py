"""The pictures of a study, for scripts and notebooks: those of the service's pages and of `lrtune study plot`.

What draws them needs numpy, which a client may lack: it is imported where something is drawn.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from lrtune.trainers.client.http.connection import Connection
from lrtune.trainers.client.pictures.drawn import Drawn
from lrtune.trainers.client.pictures.reading import Reading
from lrtune.trainers.errors import LrtuneError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from lrtune.service.pictures.parts import Picture
    from lrtune.service.wire.studies import Study

PictureName = Literal["response", "curves", "range_test", "best", "parameters", "compare"]
_MOST_TRIALS, _MOST_READ = 300, 100


class StudyPictures:
    """`plot_…` reads what there is now and gives a plotly figure; `picture(…)` the same, to be kept as a PNG.

        study.plot_response().show()
        study.picture("response").save("response.png")

    They need the extra `lrtune[plots]`; without it they raise ImportError. Each raises ServiceError,
    ServiceUnreachable, and LrtuneError where there is nothing to draw.
    """

    name: str
    spec: "Study"
    _connection: Connection

    def picture(self, name: PictureName = "response", **how: Any) -> Drawn:
        """A picture by its name; `how` are the arguments of the `plot_…` of that name."""
        makers = {
            "response": _response,
            "curves": _curves,
            "range_test": _range_test,
            "best": _best,
            "parameters": _parameters,
            "compare": _compare,
        }
        if name not in makers:
            raise ValueError(f"there is no picture {name!r}: take one of {', '.join(makers)}")
        return Drawn(makers[name](Reading(self._connection, self.name), **how))

    def plot_response(self) -> "Figure":
        """Loss over learning rate: every trial by what it came to, the fit, the interval and where it diverges."""
        return self.picture("response").figure

    def plot_curves(self) -> "Figure":
        """The curves of the latest trials and of the best, coloured by learning rate."""
        return self.picture("curves").figure

    def plot_range_test(self, number: int | None = None) -> "Figure":
        """A range test of the study, the latest without a `number`."""
        return self.picture("range_test", number=number).figure

    def plot_best(self, over: Literal["trials", "steps", "hours"] = "trials") -> "Figure":
        """The best value so far over what was spent. Reads all trials."""
        return self.picture("best", over=over).figure

    def plot_parameters(self) -> "Figure":
        """The metric over each numeric parameter, of the latest trials."""
        return self.picture("parameters").figure

    def plot_compare(self, *others: "StudyPictures | str") -> "Figure":
        """The best so far and the suggestions of this study and up to four others. Reads all their trials."""
        return self.picture("compare", others=others).figure


def compared(connection: Connection, names: "list[str]") -> Drawn:
    """The studies of these names beside each other."""
    first, *others = names
    return Drawn(_compare(Reading(connection, first), others=others))


def _response(reading: Reading) -> "Picture":
    from lrtune.service.pictures.rate.response import response_picture

    found = reading.response()
    return _parameters(reading) if found.parameter is None else response_picture(found)


def _curves(reading: Reading) -> "Picture":
    from lrtune.service.pictures.progress.curves import MOST_CURVES, MOST_POINTS, curves_picture
    from lrtune.service.wire.learning_rates import main_learning_rate

    found, best = reading.study(), reading.status().best
    numbers = [one.number for one in reading.begun(4 * MOST_CURVES) if one.step is not None]
    if not numbers:
        raise LrtuneError(f"no trial of study {reading.name} has reported yet: there are no curves to draw")
    chosen = numbers[-MOST_CURVES:]
    if best is not None and best.trial not in chosen:
        chosen = [best.trial, *chosen[1:]]
    return curves_picture(
        [reading.trial(number, MOST_POINTS) for number in chosen],
        title=f"study {found.name}",
        metric=found.measured,
        direction=found.direction,
        parameter=main_learning_rate(found.search_space),
        best=None if best is None else best.trial,
        begun=sum(reading.status().trials.model_dump().values()),
    )


def _range_test(reading: Reading, number: int | None = None) -> "Picture":
    from lrtune.service.pictures.rate.range_test import range_test_picture

    found = reading.range_test(number)
    title = f"study {reading.name}: range test {found.number}"
    rules = found.suggestions.model_dump()
    return range_test_picture(found.learning_rates, found.losses, found, rules, title=title)


def _best(reading: Reading, over: Literal["trials", "steps", "hours"] = "trials") -> "Picture":
    from lrtune.service.pictures.progress.best import best_picture

    return best_picture(reading.best_so_far(), over)


def _parameters(reading: Reading) -> "Picture":
    from lrtune.service.pictures.space.parameters import Tried, numeric, parameters_picture

    found, begun, read = reading.study(), reading.begun(_MOST_TRIALS), 0
    if not numeric(found.search_space):
        raise LrtuneError(f"study {found.name} searches no number: there is nothing to draw it over")
    tried = []
    for trial in reversed(begun):
        value = trial.value
        if value is None and trial.state != "diverged" and trial.step is not None and read < _MOST_READ:
            curve, read = reading.trial(trial.number, 5).curve, read + 1
            value = curve[-1].value if curve else None
        tried.append(Tried(trial.number, trial.state, trial.params, value))
    counts = Counter({name: count for name, count in reading.status().trials.model_dump().items() if count})
    title = f"study {found.name}"
    return parameters_picture(
        tried[::-1], found.search_space, title=title, metric=found.measured, direction=found.direction, counts=counts
    )


def _compare(reading: Reading, others: "tuple[StudyPictures | str, ...] | list[str]" = ()) -> "Picture":
    from lrtune.service.pictures.progress.compare import FEWEST, MOST, Compared, compare_picture

    names = [reading.name, *(one if isinstance(one, str) else one.name for one in others)]
    if not FEWEST <= len(set(names)) <= MOST or len(set(names)) < len(names):
        raise ValueError(f"give {FEWEST} to {MOST} different studies to compare, not {len(names)}")
    studies = []
    for name in names:
        own = Reading(reading.connection, name)
        found = own.status().suggestion
        progress = own.best_so_far()
        studies.append(Compared(progress, found.learning_rate, found.interval, found.expected_value))
    return compare_picture(studies)
