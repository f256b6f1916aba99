"""A running simulator and a thin HTTP client for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from crmsync_salesforce.sim import Simulator

SHARED = Path(__file__).resolve().parents[4] / "shared"
START = datetime(2026, 5, 4, 9, 0, 0, tzinfo=UTC)


class Ticker:
    """An injected clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


class Client:
    """Calls with a session of the integration user; paths are relative to the versioned root."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.http = requests.Session()
        self.http.trust_env = False
        self.login()

    def token(self, data: Mapping[str, str], **more: Any) -> requests.Response:
        return self.http.post(f"{self.sim.url}/services/oauth2/token", data=data, **more)

    def login(self) -> None:
        credentials = self.sim.credentials
        answer = self.token({"grant_type": "client_credentials"}, auth=(credentials.client_id, credentials.client_secret))
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.http.request(method, f"{self.sim.url}/services/data/v62.0{path}", timeout=20, **more)

    def query(self, soql: str, *, every: bool = False, **more: Any) -> requests.Response:
        return self.call("GET", "/queryAll" if every else "/query", params={"q": soql}, **more)

    def records(self, soql: str, *, every: bool = False) -> list[dict[str, Any]]:
        answer = self.query(soql, every=every)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["records"]
        return found

    def ids(self, soql: str, *, every: bool = False) -> list[str]:
        return [row["Id"] for row in self.records(soql, every=every)]

    def make(self, name: str, **fields: Any) -> str:
        answer = self.call("POST", f"/sobjects/{name}", json=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def lead(self, email: str | None = "ann@acme.example", **fields: Any) -> str:
        return self.make("Lead", **{"LastName": "Ng", "Company": "Acme", "Email": email, **fields})

    def read(self, name: str, record_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/sobjects/{name}/{record_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def control(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.http.request(method, f"{self.sim.url}/_sim{path}", timeout=20, **more)


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


@pytest.fixture
def sim(ticker: Ticker) -> Iterator[Simulator]:
    with Simulator(clock=ticker) as running:
        yield running


@pytest.fixture
def client(sim: Simulator) -> Iterator[Client]:
    made = Client(sim)
    yield made
    made.http.close()


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared reference data is not beside the project")
    return SHARED
