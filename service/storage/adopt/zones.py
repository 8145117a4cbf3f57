"""Local times without a zone, made UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_SKEW = timedelta(minutes=1)
"""How far the clocks of two machines may differ before an order of events counts as impossible."""


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if not available_timezones():
            raise ValueError(
                "this machine has no time zone database: pip install tzdata, or install your system's tzdata"
            ) from None
        raise ValueError(f"there is no time zone {name!r}; use an IANA name, such as Europe/Berlin") from None


@dataclass
class Converter:
    """Makes the times of one study's trials UTC. Feed it the trials in the order of their ids.

    When clocks go back an hour happens twice, and local times tell not which is meant. A trial does not end before it
    starts, and does not start before one that was created earlier (unless that one had been queued): where the first
    of the two hours contradicts that, it is the second.
    """

    zone: tzinfo | None
    """None for the zone of this machine."""
    ambiguous: int = 0
    """How many times fell into an hour that came twice."""
    _latest: datetime | None = None

    def convert(
        self, started: datetime | None, ended: datetime | None, *, queued: bool
    ) -> tuple[datetime | None, datetime | None]:
        """A trial's start and end, naive in local time, as naive UTC."""
        start = end = None
        if started is not None:
            latest = self._latest
            start = self._utc(started, None if latest is None or queued else latest - _SKEW)
            if not queued and (latest is None or start > latest):
                self._latest = start
        if ended is not None:
            end = self._utc(ended, start)
        return start, end

    def _utc(self, local: datetime, not_before: datetime | None) -> datetime:
        first, second = (self._at(local.replace(fold=fold)) for fold in (0, 1))
        if second <= first:  # Equal but for the hour that comes twice, and for one that clocks skipped.
            return first
        self.ambiguous += 1
        return second if not_before is not None and first < not_before <= second else first

    def _at(self, local: datetime) -> datetime:
        # Without a zone, astimezone() takes the machine's own, with its history.
        aware = local.replace(tzinfo=self.zone) if self.zone is not None else local
        return aware.astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Zones:
    """In which zone the old times were written: of all studies, and of some by name."""

    default: ZoneInfo | None = None
    """None for the zone of this machine."""
    by_study: Mapping[str, ZoneInfo] = field(default_factory=dict)

    def of(self, study: str) -> ZoneInfo | None:
        """The zone of a study's times."""
        return self.by_study.get(study, self.default)

    def names(self) -> dict[str, str]:
        """Their names by study; that of all others under the empty name."""
        default = self.default.key if self.default is not None else machine_zone()
        return {"": default, **{study: zone.key for study, zone in self.by_study.items()}}


def machine_zone() -> str:
    """This machine's zone for people: `CET (now UTC+01:00)`."""
    now = datetime.now().astimezone()
    offset = now.strftime("%z")
    return f"{now.tzname()} (now UTC{offset[:3]}:{offset[3:5]})"


def parse_zones(texts: list[str]) -> Zones:
    """Zones of `NAME` (for all) and `STUDY=NAME`. Raises ValueError."""
    default: ZoneInfo | None = None
    by_study: dict[str, ZoneInfo] = {}
    for text in texts:
        study, equals, name = text.rpartition("=")
        zone = zone_of(name)
        if equals:
            by_study[study] = zone
        elif default is not None:
            raise ValueError("one time zone only for all studies; say STUDY=NAME where one differs")
        else:
            default = zone
    return Zones(default, by_study)
