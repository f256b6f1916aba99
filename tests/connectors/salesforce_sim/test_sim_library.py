"""The public client library of Python speaks to the simulator as it does to the vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

from crmsync_salesforce.sim import Simulator


class ToSimulator(HTTPAdapter):
    """Sends what is meant for https hosts to the simulator, the production Host header kept."""

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(("http", self.netloc, parts.path, parts.query, ""))
        return super().send(request, *args, **{**kwargs, "proxies": {}})


@pytest.fixture
def library(sim: Simulator) -> Iterator[Any]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", ToSimulator(sim.url.removeprefix("http://")))
        credentials = sim.credentials
        yield Salesforce(consumer_key=credentials.client_id, consumer_secret=credentials.client_secret, domain="acme.my", session=session)


def test_records_queries_and_errors(library: Any, sim: Simulator) -> None:
    made = library.Lead.create({"LastName": "Ng", "Company": "Acme", "Email": "a@x.example"})
    assert made["success"] is True
    assert library.Lead.update(made["id"], {"Title": "CEO"}) == 204
    assert library.Lead.get(made["id"])["Title"] == "CEO"
    assert library.Contact.upsert("Email/c@x.example", {"LastName": "C"}) == 201
    sim.create_many("Contact", [{"LastName": f"C{number}"} for number in range(450)])
    sim.options.page_size = 200
    assert library.query_all("SELECT Id FROM Contact")["totalSize"] == 451
    assert len(list(library.query_all_iter("SELECT Id FROM Contact"))) == 451
    assert library.Lead.describe()["name"] == "Lead"
    assert library.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        library.Lead.get(made["id"])
    with pytest.raises(SalesforceMalformedRequest):
        library.query("SELECT Nope FROM Lead")
    sim.create_many("Contact", [{"LastName": "D", "Email": "d@x.example"}] * 2)
    with pytest.raises(SalesforceMoreThanOneRecord):
        library.Contact.upsert("Email/d@x.example", {"LastName": "C"})
    assert library.api_usage["api-usage"].total == sim.options.daily_limit


def test_the_library_signs_in_again_when_the_session_ends(library: Any, sim: Simulator) -> None:
    sim.revoke_tokens()
    assert library.query("SELECT Id FROM Lead")["totalSize"] == 0


def test_the_retired_login_is_understood_as_a_failure(sim: Simulator) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", ToSimulator(sim.url.removeprefix("http://")))
        with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_OPERATION"):
            Salesforce(username="a@x.example", password="p", security_token="t", session=session)
