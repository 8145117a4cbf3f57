"""One process of a machine writes a trial to a tracker at a time.

Two mirrors, or a mirror and the trial's worker, would write its reports twice.
"""

import hashlib
import os

from lrtune.trainers.private_folder import private_folder

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps them apart.
    fcntl = None  # type: ignore[assignment]

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class WrittenElsewhere(Exception):
    """Another process has the lock."""


class Lock:
    """Held from its making until `release`, or until the process ends. Raises WrittenElsewhere, OSError."""

    def __init__(self, place: str, trial: str) -> None:
        name = hashlib.sha1(f"{place}\n{trial}".encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
        self._path = private_folder("lrtune-tracking") / f"{name}.lock"
        self._file = self._locked()

    def _locked(self) -> int:
        while True:
            file = os.open(self._path, _FLAGS, 0o600)
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.exists(self._path) and os.path.samestat(os.fstat(file), os.stat(self._path)):
                    os.ftruncate(file, 0)
                    os.write(file, str(os.getpid()).encode())
                    return file
            except BlockingIOError:
                holder = os.read(file, 20).decode(errors="replace") or "unknown"
                os.close(file)
                raise WrittenElsewhere(f"process {holder} writes it") from None
            except FileNotFoundError:
                pass  # Who had it before has removed it just now.
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def release(self) -> None:
        """Lets others have it, who make a file of their own: a forked child may have this one open still."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)
