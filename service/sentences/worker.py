"""What a worker says at its end, beside what it says of each trial."""

from lrtune.service.sentences.words import count, paragraph


def nothing_left(study: str, trained: int, why: str) -> str:
    """Of a worker that is told that all is done; `why` is the service's explanation."""
    here = f"{count(trained, 'trial')} trained here" if trained else "this worker got no trial"
    return paragraph([f"study {study} has nothing left to train; {here}", why])


def ended_in_error(study: str, error: str, halted: str | None) -> str:
    """Of several worker processes, some of which ended in an error; `error` is that of the study's latest failed
    trial, `halted` why the study hands out none."""
    if halted:
        return halted
    latest = f"The latest trial that failed did so with {error}" if error else ""
    return paragraph([f"workers of study {study} ended in an error", latest])
