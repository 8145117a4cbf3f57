"""What is said of a study as a whole: the state that it is in, and why no trial is handed out."""

import re

from lrtune.service.sentences.words import count, paragraph


def state_word(state: str, workers: int) -> str:
    """A study's state in a word: one that nobody trains is open, not running."""
    return "open" if state == "running" and not workers else state


def stopped(study: str, running: int) -> str:
    """Of a study that somebody stopped, with so many trials in training."""
    ends = f"the {count(running, 'trial')} in training {'stops' if running == 1 else 'stop'} at the next report"
    return paragraph(
        [
            "the study was stopped, so no trial is handed out",
            ends if running else "",
            f"`lrtune study resume {study}` sets it going again",
        ]
    )


def paused(study: str, running: int) -> str:
    """Of a study that somebody paused."""
    return paragraph(
        [
            "the study was paused, so no trial is handed out",
            f"the {count(running, 'trial')} in training {'goes' if running == 1 else 'go'} on" if running else "",
            f"`lrtune study resume {study}` sets it going again",
        ]
    )


def failing(study: str, alike: int, in_a_row: int, error: str, running: int = 0) -> str:
    """Of a study whose last trials all failed: `alike` of them with the same `error`, and `in_a_row` in all."""
    if alike == in_a_row:
        why = f"the last {count(alike, 'trial')} failed with the same error, so no trial is handed out: {error}"
    elif error:
        why = f"the last {count(in_a_row, 'trial')} all failed, so no trial is handed out. The latest error: {error}"
    else:
        why = f"the last {count(in_a_row, 'trial')} all failed without saying why, so no trial is handed out"
    still = "it goes on by itself if one of those in training ends well" if running else ""
    return paragraph([why, still, f"mend it, then run `lrtune study resume {study}`"])


def trials_spent(study: str, max_trials: int, failed: int, *, failed_counts: bool) -> str:
    """Of a finished study whose `max_trials` are trained; `failed` more, or `failed` of them, went wrong."""
    counted = f"{failed} of them failed" if failed_counts else f"{failed} more failed, which the budget does not count"
    return paragraph(
        [
            f"the study is finished: the {count(max_trials, 'trial')} of its budget {_are(max_trials)} over",
            counted if failed else "",
            f"`lrtune study set {study} --max-trials N` with a larger N sets it going again",
        ]
    )


def steps_spent(study: str, max_total_steps: int, trained: int, needed: int | None) -> str:
    """Of a finished study whose training steps are used up: `needed` is the length of a full training."""
    left = max(0, max_total_steps - trained)
    short = f", fewer than the {needed} of a training" if needed else ""
    return paragraph(
        [
            f"the study is finished: {left} of its {max_total_steps} steps are left{short}",
            f"`lrtune study set {study} --max-total-steps N` with a larger N sets it going again",
        ]
    )


def exhausted() -> str:
    """Of a study all of whose points were tried."""
    return paragraph(["the study is finished: every point of its search space has been tried"])


def no_other(study: str, budget: str, most: int) -> str:
    """Why an Optuna script begins no other trial, nor queues one: `budget`, which is `most`, is spent or reserved."""
    return paragraph(
        [
            f"all of its budget, {budget} {most:,}, is trained, in training or queued",
            f"`lrtune study set {study} --{budget.replace('_', '-')} N` with a larger N lets it go on",
        ]
    )


def last_ones(running: int, waiting: int, max_trials: int | None, *, failed_counts: bool) -> str:
    """Of a study whose budget is used up but for what is in hand: of `max_trials`, or of another."""
    budget = f"the {count(max_trials, 'trial')} of the budget" if max_trials is not None else "the budget"
    return paragraph(
        [
            f"the study is running, and {budget} {_are(max_trials)} all handed out: {_in_hand(running, waiting)}",
            "no other is begun unless one of them fails" if running and max_trials and not failed_counts else "",
        ]
    )


def running(study: str, running: int, waiting: int) -> str:
    """Of a study that hands out trials."""
    if running:
        return paragraph([f"the study is running: {_in_hand(running, waiting)}"])
    waits = f"; {_waits(waiting)}" if waiting else ""
    return paragraph(
        [
            f"the study is open, but no worker is training{waits}",
            f"`lrtune worker --study {study}` starts one",
        ]
    )


def no_length(study: str) -> str:
    """Of a study without `max_steps`, before a trial of it is leased."""
    return paragraph(
        [
            f"study {study} has no max_steps, so trial.max_steps is None, and range(1, trial.max_steps + 1) fails",
            "give max_steps when you create the study, or train as long as you see fit",
        ]
    )


def for_agent(told: str) -> str:
    """What is said of a study, to one who has the tools of `lrtune mcp` in place of a command line."""
    told = re.sub(r"then run `lrtune study resume [^`]+`", "then call the tool resume", told)
    told = re.sub(r"`lrtune study resume [^`]+` sets", "The tool resume sets", told)
    told = re.sub(r"`lrtune worker [^`]+` starts one", "The tool ask hands out a trial", told)
    return re.sub(r"(`lrtune study set [^`]+`) with a larger N", r"A larger N in \1, which your user can run,", told)


def _in_hand(running: int, waiting: int) -> str:
    trains = f"{count(running, 'trial')} {'is' if running == 1 else 'are'} in training"
    return f"{trains}, and {_waits(waiting)}" if running and waiting else trains if running else _waits(waiting)


def _waits(waiting: int) -> str:
    return f"{count(waiting, 'trial')} {'waits' if waiting == 1 else 'wait'} for a worker or for more steps"


def _are(number: int | None) -> str:
    return "is" if number in (None, 1) else "are"


def earlier_trials(more: int, state: str | None) -> str:
    """After a list of the latest trials: how many more there are."""
    which = f" {state}" if state else ""
    return paragraph([f"{count(more, f'earlier{which} trial')} not shown; `--limit 0` prints all"])


def ended_trial(
    trial: int,
    outcome: str,
    value: str,
    params: str,
    step: int | None,
    max_steps: int | None,
    seconds: float | None,
    why: str,
) -> str:
    """A line of a trial that has just ended; `value` with the metric's name, `params` as they are written elsewhere."""
    of = f" of {max_steps}" if max_steps else ""
    parts = [
        outcome,
        value,
        params,
        "" if step is None else f"step {step}{of}",
        "" if seconds is None else f"{seconds:.1f} s",
        why,
    ]
    return f"trial {trial}: " + ", ".join(part for part in parts if part)
