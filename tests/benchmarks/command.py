"""The benchmarks' command line: a subcommand each, imported when it is used."""

import typer

from lrtune.service.cli.lazy import lazy_group

COMMANDS = {
    "storage": (
        "tests.benchmarks.storage.command",
        "measure_storage",
        "Reports, asks, loading, takeover, beside stock Optuna.",
    ),
    "faults": ("tests.benchmarks.faults.command", "measure_faults", "Kills and cuts under load: is anything lost?"),
    "fleet": ("tests.benchmarks.fleet.command", "fleet", "A thousand workers, a kill and a drain."),
    "shards": ("tests.benchmarks.shards.command", "shards", "Several processes: throughput, hops, who dies."),
    "abuse": ("tests.benchmarks.abuse.command", "measure_abuse", "Hostile and unlucky clients: who waits, who loses?"),
    "access": ("tests.benchmarks.access.command", "access", "What tokens cost, and a flood of wrong ones."),
    "away": ("tests.benchmarks.away.command", "away", "What reports cost while the service is there, and away."),
    "pages": ("tests.benchmarks.pages.command", "pages", "Pages of long histories, updates, many viewers."),
    "callbacks": ("tests.benchmarks.callbacks.command", "callbacks", "What the callbacks of frameworks cost."),
    "trackers": (
        "tests.benchmarks.callbacks.trackers",
        "trackers",
        "What trackers cost trainings.",
    ),
    "newcomer": ("tests.benchmarks.newcomer.command", "newcomer", "From pip install to the first suggestion."),
    "processor": ("tests.benchmarks.storage.processor_time", "processor", "What a report costs in processor time."),
    "reads": ("tests.benchmarks.reads.command", "reads", "What others wait while a long history is read."),
    "asks": ("tests.benchmarks.tables.asks", "asks", "What the draw of a trial costs in processor time."),
    "recovery": ("tests.benchmarks.tables.recovery", "recovery", "Steps trained twice when workers are ended."),
    "local": ("tests.benchmarks.tables.local", "local", "Reports without a service, beside one over loopback."),
    "search": ("tests.benchmarks.search.command", "search", "Search methods on learning curves, bowls or trainings."),
    "finder": ("tests.benchmarks.finder.command", "finder", "Range tests beside whole trainings."),
    "suggestion": ("tests.benchmarks.suggestion.command", "suggestion", "What suggested rates cost, intervals cover."),
    "calibration": (
        "tests.benchmarks.suggestion.calibration_command",
        "calibration",
        "What the intervals of suggestions hold, and how wide they are.",
    ),
    "divergence": ("tests.benchmarks.tables.divergence", "divergence", "Trials that go past a stability edge."),
    "pacing": ("tests.benchmarks.tables.pacing", "pacing", "What auto reaches with a budget of trials."),
    "waste": ("tests.benchmarks.tables.waste", "waste", "Trials where their neighbours say it is hopeless."),
    "diagnosis": ("tests.benchmarks.diagnosis.command", "diagnosis", "What is said of runs over a grid of rates."),
    "ladder": ("tests.benchmarks.tables.ladder", "ladder", "What the ladder's answers hang on."),
    "scaling": ("tests.benchmarks.tables.scaling", "scaling", "How best rates move with the length of a training."),
}
"""Name: module, function, help."""

app = typer.Typer(
    name="bench",
    cls=lazy_group(COMMANDS),
    help="Measure this checkout on this machine; the tables are those of docs/.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Measure this checkout on this machine; the tables are those of docs/."""
