"""What `lrtune db adopt` did, or would do, in words and as JSON."""

from typing import Any

from lrtune.service.cli.output import print_table
from lrtune.service.storage.adopt.adopt import Outcome


def show_outcome(outcome: Outcome, *, dry_run: bool) -> None:
    """Print it for people."""
    would = "would be " if dry_run else ""
    print(f"{outcome.database}, set up by Optuna {outcome.set_up_by}")
    if outcome.optuna_schema != outcome.optuna_schema_wanted:
        print(f"Optuna's schema {would}upgraded from {outcome.optuna_schema} to {outcome.optuna_schema_wanted}")
    print(_times_line(outcome, would))
    if outcome.example is not None:
        example = outcome.example
        print(f"  such as trial {example.trial} of {example.study}: {example.stored} -> {example.utc} UTC")
    if outcome.ambiguous_times:
        print(f"  {outcome.ambiguous_times} times lie in an hour that came twice when clocks went back")
    if outcome.trials_failed:
        print(f"{outcome.trials_failed} trials that were left running {would}ended as failed")
    if outcome.studies is None:
        print("which studies lrtune can go on with is told once Optuna's schema is upgraded")
    elif outcome.studies:
        rows = [
            (study.name, str(study.trials), _fate(study.why_not, study.running, outcome)) for study in outcome.studies
        ]
        print_table(("study", "trials", "now" if not dry_run else "then"), rows)
    else:
        print("every study has been taken over already")


def _times_line(outcome: Outcome, would: str) -> str:
    if outcome.already_converted:
        return "times were made UTC before"
    if outcome.times == "utc":
        return "times are UTC already, and stay"
    zones = ", ".join(f"{study}: {zone}" if study else zone for study, zone in outcome.timezones.items())
    return f"times of {outcome.trials_converted} trials {would}made UTC from local time ({zones})"


def _fate(why_not: str | None, running: int, outcome: Outcome) -> str:
    text = "usable over HTTP" if why_not is None else f"left to Optuna: {why_not}"
    if running and not outcome.trials_failed:
        text += f"; {running} left running (--fail-running ends them)"
    return text


def outcome_json(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    """What `--json` prints."""
    example = outcome.example
    studies = outcome.studies
    return {
        **{name: value for name, value in vars(outcome).items() if name not in ("studies", "example")},
        "dry_run": dry_run,
        "example": example
        and {
            "study": example.study,
            "trial": example.trial,
            "stored": example.stored.isoformat(),
            "utc": f"{example.utc.isoformat()}Z",
        },
        "studies": studies
        and [
            {
                "study": study.name,
                "trials": study.trials,
                "running": study.running,
                "adopted": study.spec is not None,
                "why_not": study.why_not,
                "search_space": study.spec and study.spec.model_dump(mode="json")["search_space"],
            }
            for study in studies
        ],
    }
