"""What a token, or an address, may take of the service.

`Limiter` is all that others call:

    gate = Limiter(limits, clock=time.monotonic)
    gate.is_free(principal)                         # then nothing more is to be asked
    gate.enter(principal, address, kind)            # a request; raises TooManyRequests
    with gate.stream(principal, address): ...       # an answer that stays open
    gate.headers(principal, address)                # what is told with the answer
    spent = gate.steps(token_id, trials, steps)     # before they are taken in; spent.give_back() where they are not
    async with gate.creating(token_id, count): ...  # a study
    await gate.wrong(address, reason, gone)         # before a wrong token is answered

`bucket` counts by time; `allowed` says which limits hold, `by_token` and `by_address` count, `wrong` slows down who
sends wrong tokens, `headers` and `refusals` tell. Nothing here knows HTTP's machinery, or the database. Each process
counts for itself.
"""

from lrtune.service.access.limits.allowed import ServiceLimits
from lrtune.service.access.limits.limiter import Kind, Limiter
from lrtune.service.access.limits.refusals import BodyTooLarge, Refused, TooManyRequests, TooManyStudies

__all__ = ["BodyTooLarge", "Kind", "Limiter", "Refused", "ServiceLimits", "TooManyRequests", "TooManyStudies"]
