"""Finds connectors and simulators by entry point; the only place in the house that loads code by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from crmsync.connect.http import is_loopback
from crmsync.connect.protocol import Connector, ConnectorFactory
from crmsync.errors import ConfigError

CONNECTORS = "crmsync.connectors"
SIMULATORS = "crmsync.simulators"
FILE = "_file"


class Desk(Protocol):
    """What users of a simulated CRM see and do there, in neutral words; whom they mean by e-mail address. See each simulator for the keys."""

    def open_tasks(self) -> list[dict[str, Any]]: ...

    def complete(self, id: str, *, by: str) -> bool: ...

    def fill(self, person: str, values: Mapping[str, Any], *, by: str) -> bool: ...

    def shown(self, person: str, field: str) -> Any: ...

    def owners(self) -> dict[str, str]: ...

    def held(self, person: str, *, by: str) -> bool: ...

    def finished(self) -> list[dict[str, Any]]: ...

    def leave(self, user: str) -> None: ...


class Simulator(Protocol):
    """The face of a simulated CRM, as far as crmsync uses it. Every method is safe to call from any thread."""

    name: str
    url: str
    calls: Any
    writes: Any

    @property
    def desk(self) -> Desk: ...

    def start(self) -> Simulator: ...

    def stop(self) -> None: ...

    def environment(self) -> dict[str, str]: ...

    def seed(
        self,
        *,
        users: Iterable[Mapping[str, Any]],
        people: Iterable[Mapping[str, Any]],
        activities: Iterable[Mapping[str, Any]] = (),
        companies: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Fills the simulated CRM with neutral rows; see each simulator for their keys."""
        ...

    def happen(self, event: Mapping[str, Any]) -> bool: ...

    def load(self, path: Path) -> dict[str, int]: ...

    def api_calls(self) -> int: ...


class SimulatorFactory(Protocol):
    """What the entry point group "crmsync.simulators" names. port 0: any free one. clock: aware UTC; None: real time."""

    def __call__(self, *, host: str = ..., port: int = ..., clock: Callable[[], datetime] | None = ..., **options: Any) -> Simulator: ...


def connector_names() -> tuple[str, ...]:
    """Names of all installed connectors, sorted. Nothing is loaded."""
    return tuple(_points(CONNECTORS))


def simulator_names() -> tuple[str, ...]:
    """Names of all installed simulators, sorted. Nothing is loaded."""
    return tuple(_points(SIMULATORS))


def simulator(name: str) -> SimulatorFactory:
    """Raises: ConfigError when there is none of that name or it cannot be loaded."""
    return cast(SimulatorFactory, _load(SIMULATORS, name))


def options_for(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings CRMSYNC_<NAME>__X as {"x": value}, empty ones left out, those from files (`…_FILE`) read, their trailing newlines stripped.

    Raises: ConfigError naming the setting whose file cannot be read, or that is given twice (value and file).
    """
    prefix = prefix_of(name)
    given = {key[len(prefix) :].lower(): value for key, value in environ.items() if key.upper().startswith(prefix) and value.strip()}
    options = {key: value for key, value in given.items() if not key.endswith(FILE)}
    for key, path in given.items():
        if not key.endswith(FILE):
            continue
        plain, setting = key[: -len(FILE)], prefix + key.upper()
        if plain in options:
            raise ConfigError(f"{prefix}{plain.upper()} and {setting} are both set; keep one. Nothing was contacted.")
        options[plain] = read_secret(path, setting=setting)
    return options


def read_secret(path: str, *, setting: str) -> str:
    """The text of a secret's file without trailing newlines.

    Raises: ConfigError naming the setting and the file, never the content.
    """
    try:
        return Path(path.strip()).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting} names the file {path.strip()}, which cannot be read ({type(error).__name__}).") from None


def prefix_of(name: str) -> str:
    """What the names of a connector's settings begin with."""
    return f"CRMSYNC_{name.upper().replace('-', '_')}__"


def connect_all(environ: Mapping[str, str], *, sleep: Callable[[float], None], clock: Callable[[], datetime]) -> dict[str, Connector]:
    """One connector per CRM that has any setting; contacts nothing. A CRM whose settings are absent is not connected.

    Raises: ConfigError naming the setting that is missing or wrong, or the connector that cannot be loaded.
    """
    connected: dict[str, Connector] = {}
    for name in connector_names():
        options = options_for(name, environ)
        if options:
            connected[name] = cast(ConnectorFactory, _load(CONNECTORS, name))(options, sleep=sleep, clock=clock)
    return connected


def credentials_of(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """For each of these connectors a mark that changes with its settings, secrets included, and from which nothing of them can be told.

    Raises: ConfigError as `options_for`."""
    told = {name: "\n".join(f"{key}={value}" for key, value in sorted(options_for(name, environ).items())) for name in names}
    return {name: blake2b(text.encode(), digest_size=16, person=b"crmsync").hexdigest() for name, text in told.items()}


def all_loopback(environ: Mapping[str, str]) -> bool:
    """Whether every connected CRM's address is set and leads to this machine only. False when no CRM is connected."""
    found = [options for name in connector_names() if (options := options_for(name, environ))]
    return bool(found) and all(_is_local(options) for options in found)


def _is_local(options: Mapping[str, str]) -> bool:
    addresses = [value for key, value in options.items() if key.endswith("_url")]
    # A connector without an address among its settings uses its vendor's public one.
    return bool(addresses) and all(is_loopback(urlsplit(address.strip()).hostname) for address in addresses)


def _points(group: str) -> Mapping[str, EntryPoint]:
    return _installed(group, tuple(sys.path))


@cache
def _installed(group: str, path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    """What is installed on the path; looked up once, for it takes a hundredth of a second."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda p: (p.name, p.value)):
        known = found.setdefault(point.name, point)
        if known.value != point.value:
            raise ConfigError(f"two installed packages offer {group} {point.name!r} ({known.value}, {point.value}); uninstall one.")
    return found


def _load(group: str, name: str) -> object:
    points = _points(group)
    if name not in points:
        raise ConfigError(f"nothing called {name!r} is installed under {group}; there is {', '.join(points) or 'nothing'}.")
    try:
        return points[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{group} {name!r} ({points[name].value}) cannot be loaded: {error}. Reinstall the package that offers it."
        ) from error
