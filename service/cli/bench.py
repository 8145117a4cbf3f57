"""`lrtune bench`: measure this installation on this machine."""

import typer

from service.cli.bench_faults import faults
from service.cli.bench_finder import finder
from service.cli.bench_search import search
from service.cli.bench_storage import storage

app = typer.Typer(help="Measure this installation on this machine.", no_args_is_help=True, add_completion=False)


@app.callback()
def _group() -> None:
    """Measure this installation on this machine."""


app.command("storage")(storage)
app.command("faults")(faults)
app.command("finder")(finder)
app.command("search")(search)
