"""The spool files of one study: those of its trials in training, and those that others left."""

import logging

from lrtune.service.wire import trials as wire
from lrtune.trainers.client.http.connection import Connection
from lrtune.trainers.client.spool.backlog import Backlog
from lrtune.trainers.client.spool.entries import Owner
from lrtune.trainers.client.spool.file import Garbled, SpoolFile, set_aside
from lrtune.trainers.client.spool.folder import spooling
from lrtune.trainers.client.spool.replay import replay
from lrtune.trainers.errors import LrtuneError

logger = logging.getLogger(__name__)


class StudySpool:
    """Of the study `name`, which `key` tells from others of that name, at one service.

    Raises LrtuneError where the settings of the spool cannot be, before a trial is leased.
    """

    def __init__(self, connection: Connection, name: str, key: str) -> None:
        self._connection = connection
        self._name = name
        self._key = key

    def backlog_of(self, leased: wire.LeasedTrial) -> Backlog | None:
        """Of a trial that was leased just now; None where nothing is kept."""
        if not self._connection.spools:
            return None
        owner = Owner(
            server=self._connection.server,
            study=self._name,
            key=self._key,
            number=leased.number,
            attempt=leased.attempt,
            lease=leased.lease,
        )
        return Backlog(owner, spooling())

    def send_leftovers(self) -> None:
        """Send what processes of this machine that have ended kept of the study. What cannot be sent now stays; no
        file is a reason to fail."""
        if not self._connection.spools:
            return
        settings = spooling()
        try:
            paths = settings.files_of(self._connection.server, self._key)
        except OSError as error:
            logger.debug("%s cannot be looked through: %s", settings.folder, error)
            return
        for path in paths:
            try:
                file = SpoolFile.take(path)
            except Garbled as error:
                logger.warning("%s is no spool file, and is left aside as %s: %s", path, set_aside(path).name, error)
            except OSError:  # Its owner lives, or another worker sends it just now.
                continue
            else:
                if not self._sent(file):
                    return

    def _sent(self, file: SpoolFile) -> bool:
        """Whether the service takes what is kept, or will not; False: it is away still."""
        try:
            return replay(file, self._connection, self._name)
        except (LrtuneError, OSError) as error:
            logger.warning("%s is left for later: %s", file.path, error)
            return False
