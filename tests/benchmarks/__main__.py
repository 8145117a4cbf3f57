"""`make bench ARGS="storage --quick"`, or `python -m tests.benchmarks storage --quick`."""

from tests.benchmarks.command import app

if __name__ == "__main__":
    app(prog_name="bench")
