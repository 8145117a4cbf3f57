"""The answer on the screen: what to train with, how sure that is, and why."""

from rich.text import Text

from lrtune.service.cli.commands.study.watching.marks import BAD, GOOD, QUIET, Letters, cut, interval_bar
from lrtune.service.cli.commands.study.watching.seen import Seen
from lrtune.service.sentences import watching as words
from lrtune.service.sentences.words import between, loss, plain, rate
from lrtune.service.wire.as_text import number, params_text
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import FloatParameter

_WIDEST = 60


def answer(seen: Seen, width: int, letters: Letters, *, lines: int) -> list[Text]:
    """The rate and what to expect, the interval on its axis, and why in so many `lines`."""
    found = seen.status.suggestion
    rows: list[Text] = [cut(_first(seen), width, letters)]
    bar = _bar(seen, width, letters)
    if bar is not None:
        rows.append(bar)
    rows += [Text(one, no_wrap=True) for one in words.lines(plain(found.explanation), width, lines, letters.dots)]
    return rows


def _first(seen: Seen) -> Text:
    found = seen.status.suggestion
    text = Text()
    if found.learning_rate is None:
        text.append(plain(params_text(found.params)) or words.no_answer(), f"bold {GOOD}")
    else:
        text.append("learning rate ").append(rate(found.learning_rate), f"bold {GOOD}")
        if found.interval is not None:
            low, high = between(*found.interval)
            text.append(f" ({low} {words.to()} {high})")
    if found.expected_value is not None:
        text.append(f"  {plain(seen.study.measured)} {loss(found.expected_value)} expected")
    text.append(f"  {words.basis(found.basis)}", QUIET)
    return text


def _bar(seen: Seen, width: int, letters: Letters) -> Text | None:
    found, name = seen.status.suggestion, main_learning_rate(seen.study.search_space)
    space = None if name is None else seen.study.search_space[name]
    if found.learning_rate is None or found.learning_rate <= 0 or not isinstance(space, FloatParameter):
        return None
    low, high = number(space.low), number(space.high)
    room = min(_WIDEST, width - len(low) - len(high) - 2)
    edge = found.max_stable_learning_rate
    bar = interval_bar((space.low, space.high), found.interval, found.learning_rate, max(8, room), letters, edge)
    text = Text(no_wrap=True).append(f"{low} ", QUIET).append_text(bar).append(f" {high}", QUIET)
    told = "" if edge is None else f"  {words.diverges_above(edge)}"
    return text.append(told, BAD) if text.cell_len + len(told) <= width else text
