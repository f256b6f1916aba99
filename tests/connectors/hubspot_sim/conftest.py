"""A running simulated portal on a clock of its own, and a plain HTTP client for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from crmsync_hubspot.sim import Simulator

START = datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)
SHARED = Path(__file__).parents[3].parent / "shared"


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Http:
    """Calls the simulator with a token; answers are requests' own."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {sim.options.access_token}"

    def __call__(self, method: str, path: str, body: Any = None, **extra: Any) -> requests.Response:
        return self.session.request(method, self.sim.url + path, json=body, timeout=10, **extra)

    def contact(self, **props: Any) -> str:
        answer = self("POST", "/crm/v3/objects/contacts", {"properties": props})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def search(self, filters: list[dict[str, Any]], object_type: str = "contacts", **extra: Any) -> requests.Response:
        groups = [{"filters": filters}] if filters else []
        return self("POST", f"/crm/v3/objects/{object_type}/search", {"filterGroups": groups, **extra})

    def found(self, *filters: dict[str, Any], **extra: Any) -> list[str]:
        answer = self.search(list(filters), **extra)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["results"]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Iterator[Callable[..., Http]]:
    """Starts a portal with options; every one is stopped at the end."""
    made: list[Http] = []

    def start(**options: Any) -> Http:
        http = Http(Simulator(clock=clock, **options).start())
        made.append(http)
        return http

    yield start
    for http in made:
        http.session.close()
        http.sim.stop()


@pytest.fixture
def http(make: Callable[..., Http]) -> Http:
    return make()


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """JSON of a recorded payload; skips when the shared folder is absent."""

    def read(name: str) -> Any:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"recorded payload {name} is not here")
        return json.loads(path.read_text())

    return read


@pytest.fixture
def same_shape() -> Callable[..., None]:
    """Asserts that ours has the keys and JSON types of a recording; lists are compared by their first element."""

    def walk(ours: Any, theirs: Any, at: str = "$", skip: frozenset[str] = frozenset()) -> None:
        if theirs is None or ours is None:
            return
        assert type(ours) is type(theirs), f"{at}: {type(ours).__name__}, recorded {type(theirs).__name__}"
        if isinstance(theirs, dict):
            missing = set(theirs) - set(ours) - skip
            assert not missing, f"{at}: recorded keys missing: {sorted(missing)}"
            for key in set(theirs) - skip:
                walk(ours[key], theirs[key], f"{at}.{key}", skip)
        elif isinstance(theirs, list) and theirs and ours:
            walk(ours[0], theirs[0], f"{at}[0]", skip)

    return walk
