"""The version of the protocol between trainers and the service, which both tell in the header `lrtune-version`.

What is only added to answers keeps it: readers ignore fields that they do not know. It rises where a trainer has to
send what an older service refuses, or would misread what a newer one answers.
"""

HEADER = "lrtune-version"
VERSION = 1
"""What this version of lrtune speaks."""
OLDEST = 1
"""What this version's service still understands."""
