"""A worker that does what its first argument says: stands in for `lrtune`."""

import os
import signal
import sys
import time

told = 0


def _count(*_: object) -> None:
    global told
    told += 1


match sys.argv[1]:
    case "says":
        print("\n".join(sys.argv[2:]), file=sys.stderr)
        sys.exit(1)
    case "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    case "counts":  # how often it is told to end, and says so when it is told no more
        signal.signal(signal.SIGTERM, _count)
        print("ready", file=sys.stderr, flush=True)
        while not told:
            time.sleep(0.01)
        time.sleep(0.5)
        print(f"told {told} times", file=sys.stderr)
        sys.exit(1)
    case "stays":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", file=sys.stderr, flush=True)
        time.sleep(60)
    case "variables":
        print(*(f"{name}={os.environ.get(name)}" for name in sys.argv[2:]), file=sys.stderr)
        sys.exit(1)
