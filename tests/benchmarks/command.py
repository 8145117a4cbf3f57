"""The benchmarks' command line: a subcommand each."""

import typer

from tests.benchmarks.faults.command import faults
from tests.benchmarks.finder.command import finder
from tests.benchmarks.search.command import search
from tests.benchmarks.storage.command import storage

app = typer.Typer(
    help="Measure this checkout on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Measure this checkout on this machine."""


app.command("storage")(storage)
app.command("faults")(faults)
app.command("finder")(finder)
app.command("search")(search)
