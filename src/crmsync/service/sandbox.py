"""`crmsync sandbox`: simulated CRMs as real HTTP servers on this machine, found by entry point."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from crmsync.connect.discovery import Simulator, simulator, simulator_names
from crmsync.errors import ConfigError
from crmsync.testing.people import activities, companies, population

Simulators = Mapping[str, Simulator]


@contextmanager
def simulators(*, ports: Mapping[str, int] | None = None, clock: Callable[[], datetime] | None = None) -> Iterator[dict[str, Simulator]]:
    """Starts every installed simulator and stops them at the end. ports: name -> port (absent: any free one).

    Raises: ConfigError when none is installed or a port is taken.
    """
    names = simulator_names()
    if not names:
        raise ConfigError("no simulator is installed; reinstall crmsync. Nothing was started.")
    with ExitStack() as stack:
        running: dict[str, Simulator] = {}
        for name in names:
            one = simulator(name)(port=(ports or {}).get(name, 0), clock=clock)
            try:
                running[name] = one.start()
            except OSError as error:
                raise ConfigError(
                    f"the simulated {name} cannot listen on port {(ports or {}).get(name)}: {error.strerror or error}."
                ) from error
            stack.callback(one.stop)
        yield running


def seed(running: Simulators, people: int, *, now: datetime | None = None) -> int:
    """Fills the simulators with that many lifelike persons, their companies and what happened with them, and eight reps; returns how many
    persons that makes. Each CRM has a history of its own."""
    begun = now or datetime.now(UTC)
    crowd = population(people, now=begun)
    total = 0
    for index, one in enumerate(running.values()):
        mine = crowd.left if index % 2 else crowd.right
        past = list(activities(mine, now=begun, seed=index, share=0.15, most=3))
        one.seed(users=crowd.users, people=mine, companies=list(companies(mine)), activities=past)
        total += len(mine)
    return total


def load(running: Simulators, exports: Mapping[str, Path]) -> dict[str, dict[str, int]]:
    """Loads real exports: simulator -> object -> records. Raises: ConfigError naming file and row of what cannot be read."""
    loaded: dict[str, dict[str, int]] = {}
    for name, path in exports.items():
        if name not in running:
            raise ConfigError(f"no simulator called {name} is installed; {path} was not loaded.")
        if not path.exists():
            raise ConfigError(f"{path} does not exist; nothing was loaded into the simulated {name}.")
        try:
            loaded[name] = running[name].load(path)
        except (ValueError, OSError) as error:
            raise ConfigError(f"the export for the simulated {name} cannot be read: {error}") from error
    return loaded


def environment(running: Simulators) -> dict[str, str]:
    """The settings with which crmsync connects to the running simulators."""
    merged: dict[str, str] = {}
    for one in running.values():
        merged.update(one.environment())
    return merged


def write_env_file(path: Path, environ: Mapping[str, str]) -> None:
    """Writes the settings as KEY=value lines, readable by their owner only. Raises: ConfigError when it cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in environ.items())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}).") from error
