"""What each call of Optuna's gRPC protocol asks for: one table of all of them.

A call that stands in no row asks for an admin everywhere, and so does one that concerns nobody knows which study.
"""

from dataclasses import dataclass
from typing import Literal

from lrtune.service.access.doors import Rule

Concerned = Literal["study_name", "study_id", "trial_id", "listed"]
"""The field of the request that says which study it concerns; or all, and those in scope are told."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who may make a call, and which study it concerns."""

    rule: Rule
    concerns: Concerned


VIEWER, WORKER, ADMIN, MANAGES = Rule("viewer"), Rule("worker"), Rule("admin"), Rule("admin", everywhere=True)

CALLS: dict[str, Call] = {
    "CreateNewStudy": Call(WORKER, "study_name"),  # One that exists, to load it; to create one, an admin.
    "DeleteStudy": Call(ADMIN, "study_id"),
    "SetStudyUserAttribute": Call(ADMIN, "study_id"),
    "SetStudySystemAttribute": Call(
        WORKER, "study_id"
    ),  # Samplers keep their state there; ours, and the dashboard's, are an admin's.
    "GetStudyIdFromName": Call(VIEWER, "study_name"),
    "GetStudyNameFromId": Call(VIEWER, "study_id"),
    "GetStudyDirections": Call(VIEWER, "study_id"),
    "GetStudyUserAttributes": Call(VIEWER, "study_id"),
    "GetStudySystemAttributes": Call(VIEWER, "study_id"),
    "GetAllStudies": Call(VIEWER, "listed"),
    "CreateNewTrial": Call(WORKER, "study_id"),  # To enqueue one, an admin.
    "SetTrialParameter": Call(WORKER, "trial_id"),
    "GetTrialIdFromStudyIdTrialNumber": Call(VIEWER, "study_id"),
    "SetTrialStateValues": Call(WORKER, "trial_id"),
    "SetTrialIntermediateValue": Call(WORKER, "trial_id"),
    "SetTrialUserAttribute": Call(WORKER, "trial_id"),
    "SetTrialSystemAttribute": Call(WORKER, "trial_id"),  # As those of studies.
    "GetTrial": Call(VIEWER, "trial_id"),
    "GetTrials": Call(VIEWER, "study_id"),
}
