"""What a worker says of the trial in its hands, and of what it waits for."""

from collections.abc import Mapping

from lrtune.service.sentences.words import count, loss, rate


def running(
    number: int,
    *,
    step: int | None,
    max_steps: int | None,
    metric: str,
    value: float | None,
    learning_rate: float | None,
    steps_per_second: float | None,
    seconds: float,
    seconds_left: float | None,
) -> list[str]:
    """A trial that trains, in pieces, what matters most first: `trial 3: step 120 of 1000`, `loss 0.1234`,
    `0:21 left`, `41 steps/s`, `learning rate 0.0031`."""
    of = "" if max_steps is None else f" of {max_steps}"
    if step is None:
        pieces = [f"trial {number}: training for {duration(seconds)}"]
    else:
        pieces = [f"trial {number}: step {step}{of}"]
    if value is not None:
        pieces.append(f"{metric} {loss(value)}")
    if seconds_left is not None:
        pieces.append(f"{duration(seconds_left)} left")
    elif step is not None:
        pieces.append(f"{duration(seconds)} so far")
    if steps_per_second is not None:
        pieces.append(pace(steps_per_second))
    if learning_rate is not None:
        pieces.append(f"learning rate {rate(learning_rate)}")
    return pieces


def ended(number: int, outcome: str, params: Mapping[str, object], *, steps: int | None, seconds: float) -> str:
    """A trial that is over: `trial 3: complete, 0.1234; learning_rate=0.0031; 1000 steps in 24.1 s`.

    `steps` are those trained here; None where none was reported.
    """
    trained = "" if steps is None else f"{count(steps, 'step')} "
    took = f"{seconds:.1f} s" if seconds < 600 else duration(seconds)
    return f"trial {number}: {outcome}; {params_text(params)}; {trained}in {took}"


def params_text(params: Mapping[str, object]) -> str:
    """`learning_rate=0.0031, batch_size=64`."""
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )


def waiting(state: str, workers: int | None, halted: str | None = None) -> str:
    """Why a worker waits for a trial: `waiting: all that is left is leased out to 3 workers`; where the study is
    `halted`, as the service says it."""
    if halted:
        return f"waiting: {halted}"
    if state == "paused":
        return "waiting: the study is paused"
    if not workers:
        return "waiting: there is nothing to train at the moment"
    return f"waiting: all that is left is leased out to {count(workers, 'worker')}"


def pace(steps_per_second: float) -> str:
    """`41 steps/s`, `2.5 s/step`."""
    if steps_per_second >= 1:
        return f"{steps_per_second:.3g} steps/s" if steps_per_second < 1000 else f"{steps_per_second:.0f} steps/s"
    return f"{1 / steps_per_second:.2g} s/step" if steps_per_second > 0.01 else f"{duration(1 / steps_per_second)}/step"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `3:05:00`."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
