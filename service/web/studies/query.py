"""What is chosen in the list, as it stands in the address."""

from collections.abc import Mapping
from urllib.parse import urlencode

from lrtune.service.tuning.listing.choice import COLUMNS, DOWN_FIRST, STATES, Choice

_LONGEST = 200
_MOST_PAGES = 1_000_000


def choice_of(query: Mapping[str, str]) -> Choice:
    """The choice. What makes no sense counts as not given: an address that was typed by hand still shows a list."""
    sort = next((column for column in COLUMNS if column == query.get("sort")), Choice.sort)
    order, page, state = query.get("order"), query.get("page", ""), query.get("state", "")
    return Choice(
        text=query.get("q", "").strip()[:_LONGEST],
        state=state if state in STATES else "",
        tag=query.get("tag", "").strip()[:_LONGEST],
        sort=sort,
        down=order == "down" if order in ("up", "down") else sort in DOWN_FIRST,
        page=min(int(page), _MOST_PAGES) if page.isascii() and page.isdigit() and len(page) < 10 else 1,
    )


def address_of(choice: Choice) -> str:
    """The query of a choice, as short as can be: `?q=cifar&sort=best`; nothing for what is shown anyway."""
    told = {"q": choice.text, "state": choice.state, "tag": choice.tag}
    if choice.sort != Choice.sort:
        told["sort"] = choice.sort
    if choice.down != (choice.sort in DOWN_FIRST):
        told["order"] = "down" if choice.down else "up"
    if choice.page > 1:
        told["page"] = str(choice.page)
    query = urlencode({name: value for name, value in told.items() if value})
    return f"?{query}" if query else "?"
