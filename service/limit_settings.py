"""The settings that say how much each token and each address may take."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lrtune.service.access.limits import ServiceLimits
from lrtune.service.wire.access.bodies import Limits

Rate = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**12)]


class LimitSettings(BaseSettings):
    """Limits that hold where a token has none of its own; None where there is none."""

    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    limit_requests_per_second: Rate | None = None
    """Of each token."""
    limit_asks_per_second: Rate | None = None
    """Of each token: requests for a trial."""
    limit_trials_per_hour: Count | None = None
    """Of each token: trials that are leased, enqueued or recorded."""
    limit_steps_per_hour: Count | None = None
    """Of each token: steps that are reported or recorded."""
    limit_studies: Count | None = None
    """Of each token: studies that it created and that exist."""
    limit_streams: Count | None = None
    """Of each token: long polls, event streams and exports that are open at a time."""
    limit_body_bytes: Count | None = None
    """Of each token: of one request's body; below max_body_bytes."""
    limit_address_requests_per_second: Rate | None = None
    """From one address, whoever sends them."""
    limit_address_streams: Count | None = None
    """Open to one address at a time."""
    limit_stranger_requests_per_second: Rate | None = 20.0
    """From one address, without a token that holds, where nobody needs one."""


def service_limits(settings: LimitSettings, max_connections: int) -> ServiceLimits:
    """What these settings allow. Of the connections there may be, half may wait with wrong tokens."""
    return ServiceLimits(
        by_token=Limits(**{name: getattr(settings, f"limit_{name}") for name in Limits.model_fields}),
        address_requests_per_second=settings.limit_address_requests_per_second,
        address_streams=settings.limit_address_streams,
        stranger_requests_per_second=settings.limit_stranger_requests_per_second,
        most_waiting=max(1, max_connections // 2),
    )
