"""`lrtune study health`."""

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.cli.output import print_json, print_table
from lrtune.service.sentences.health.common import STATES


def health(name: StudyName, server: Server = None, as_json: Json = False) -> None:
    """Say whether the search works: past random, diverging, at a bound, failing, hung.

    Each answer rests on what was measured; where too little is known it says so.
    """
    with connect(server) as client:
        found = client.health(name)
    if as_json:
        print_json(found)
        return
    print_table(
        ("question", "state", "answer"),
        (
            (card.question, STATES[card.state], " ".join(part for part in (card.says, card.remedy) if part))
            for card in found.cards
        ),
        title=f"health of study {name}",
        whole=("state",),
    )
