"""How long a worker may take to end, after it was told to.

Kubernetes, Docker Compose as it is set up here, and Slurm leave 30 s and more between SIGTERM and SIGKILL.
"""

GRACE_SECONDS = 10.0
"""For a training that heeds the notice to write a checkpoint, and for a program to end."""
LEAVING_SECONDS = 15.0
"""After that: to kill the program, tell the last reports, and give the trial back."""
