"""A course in words: `course` sees, `sentences.schedules` has the words, and here is chosen what is worth them."""

from lrtune.service.rates.schedules.course import Course
from lrtune.service.sentences import schedules as say


def told(found: Course, steps_per_epoch: int | None = None, *, takes_metrics: bool = False) -> str:
    """Sentences: how it begins, where it turns, from where on it is dead, how it ends."""
    if takes_metrics and found.is_constant:
        return say.told([say.constant(found.peak), say.NEEDS_METRIC])
    if found.is_constant:
        return say.told([say.constant(found.peak)])
    if found.warmup_steps == found.total_steps - 1:
        return say.told([say.rises(found.first, found.last)])

    def place(step: int) -> str:
        return say.place(step, steps_per_epoch, exact=found.exact)

    total = found.total_steps
    sentences = [
        say.warmup(found.warmup_steps, total, found.first, found.peak)
        if found.warmup_steps
        else say.begins(found.first)
    ]
    if found.restarts:
        sentences.append(say.restarts([place(step) for step in found.restarts], found.all_restarts))
    if found.drops and not found.restarts:
        sentences.append(say.drops([place(step) for step in found.drops], found.all_drops))
    if found.dies_at is not None:
        sentences.append(say.dead(place(found.dies_at), (total - found.dies_at) / total))
    sentences.append(say.ends(found.last, found.last / found.peak))
    if takes_metrics:
        sentences.append(say.NEEDS_METRIC)
    return say.told(sentences)
