"""The Dockerfile's stages, as far as tests look at them."""

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Stage:
    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def arguments(self, instruction: str) -> list[str]:
        return [arguments for name, arguments in self.instructions if name == instruction]

    @property
    def environ(self) -> dict[str, str]:
        """What this stage itself sets with ENV."""
        words = [word for line in self.arguments("ENV") for word in shlex.split(line)]
        return dict(word.split("=", 1) for word in words)

    @property
    def command(self) -> list[str]:
        """CMD in the exec form; the shell form would not pass SIGTERM on, and is an error here."""
        (arguments,) = self.arguments("CMD")
        command: list[str] = json.loads(arguments)
        return command

    @property
    def health_command(self) -> list[str]:
        (arguments,) = self.arguments("HEALTHCHECK")
        command: list[str] = json.loads(arguments[arguments.index("CMD") + 3 :])
        return command


def stages() -> dict[str, Stage]:
    """By name, in the file's order: the last is what a plain `docker build` makes."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: dict[str, Stage] = {}
    current = None
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, arguments = line.split(maxsplit=1)
        if instruction == "FROM":
            base, _, name = arguments.split()
            current = found[name] = Stage(name, base)
        elif current is not None:
            current.instructions.append((instruction, arguments))
    return found
