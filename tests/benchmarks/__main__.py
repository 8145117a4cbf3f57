"""`make bench ARGS="storage --quick"`, or `python -m tests.benchmarks storage --quick`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # As `lrtune serve` does, and as there before numpy is imported.

if __name__ == "__main__":
    from tests.benchmarks.command import app

    app(prog_name="bench")
