"""The plug-in door: a connector from another package is installed, found by its entry point, keeps the contract, and carries persons across."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from connectors.contract.rigs import Time
from crmsync.connect import discovery
from crmsync.connect.protocol import Connector
from crmsync.engine.cycle import cycle
from crmsync.engine.world import World
from crmsync.errors import ConfigError
from crmsync.model.fields import OWN_FIELDS
from crmsync.model.record import Ref, Value
from crmsync.playbook import load, write_defaults
from crmsync.store import Store
from crmsync.testing.contract import ConnectorContract, Rig
from crmsync_hubspot.sim import Simulator as HubSpot

PLUGIN = Path(__file__).parents[1] / "plugin_acme"
PERSON = """
objects: {hubspot: [contacts], acme: [Human]}
create_as: {hubspot: contacts, acme: Human}
placeholder: "[not provided]"
fields:
  email:      {type: email, hubspot: email, acme: Mail, conflict: latest}
  first_name: {type: text, hubspot: firstname, acme: Given, conflict: latest}
  last_name:  {type: text, hubspot: lastname, acme: Family, conflict: latest, required: true}
  phone:      {type: phone, hubspot: phone, acme: Tel, conflict: latest}
  title:      {type: text, hubspot: jobtitle, acme: Role, conflict: latest}
  company:    {type: text, hubspot: company, acme: Firm, conflict: latest}
  website:    {type: url, hubspot: website, direction: none}
  employees:  {type: number, acme: Heads, direction: none}
  company_size: {type: picklist, hubspot: numemployees, direction: none}
  emails_delivered: {type: number, hubspot: hs_email_delivered, direction: none}
  emails_opened: {type: number, hubspot: hs_email_open, direction: none}
  emails_clicked: {type: number, hubspot: hs_email_click, direction: none}
  owner:      {type: owner, hubspot: hubspot_owner_id, acme: Keeper, conflict: latest}
"""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plug-in installed by pip into a folder of its own: no index, no build tool, no network."""
    target = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--disable-pip-version-check",
    ]
    done = subprocess.run([*command, "--target", str(target), str(PLUGIN)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def door(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder on the path, as in an environment where it is installed."""
    monkeypatch.syspath_prepend(str(installed))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "crmsync_acme"]:
        del sys.modules[name]


def acme(path: Path, time: Time) -> Connector:
    return discovery.connect_all({"CRMSYNC_ACME__BOOK": str(path)}, sleep=time.sleep, clock=time)["acme"]


def book_of(connector: Any) -> Any:
    return connector._book


def test_an_installed_connector_is_found_and_configured(door: None, tmp_path: Path) -> None:
    assert "acme" in discovery.connector_names()
    connector = acme(tmp_path / "rolodex.json", Time())
    assert connector.name == "acme"
    assert not (tmp_path / "rolodex.json").exists(), "connecting contacts nothing"
    with pytest.raises(ConfigError, match="CRMSYNC_ACME__BOOK"):
        discovery.connect_all({"CRMSYNC_ACME__SHELF": "x"}, sleep=Time().sleep, clock=Time())


def test_a_connector_that_is_not_installed_is_not_found() -> None:
    assert "acme" not in discovery.connector_names()
    assert discovery.connect_all({"CRMSYNC_ACME__BOOK": "x"}, sleep=Time().sleep, clock=Time()) == {}


def test_a_person_crosses_over_and_back(door: None, tmp_path: Path) -> None:
    time = Time()
    home = tmp_path / "home"
    home.mkdir()
    write_defaults(home)
    (home / "mappings" / "person.yaml").write_text(PERSON, "utf-8")
    for name in ("activities", "companies", "followup"):  # those that ship speak of a CRM that is not installed here
        (home / "mappings" / f"{name}.yaml").unlink()
    signals = (home / "mappings" / "signals.yaml").read_text("utf-8")
    bounces, rest = signals.index("  # E-mails that Salesforce sent"), signals.index("# Signals that no field above makes")
    (home / "mappings" / "signals.yaml").write_text(signals[:bounces] + signals[rest:], "utf-8")
    main = (home / "crmsync.yaml").read_text("utf-8")
    (home / "crmsync.yaml").write_text(main.replace("tasks_in: salesforce", "tasks_in: acme"), "utf-8")
    with HubSpot(clock=time, search_lag=0.0) as hubspot:
        for name in ("rita", "sam"):
            hubspot.add_user({"email": f"{name}@corp.example", "first_name": name, "last_name": "Rep"})
        environ = {**hubspot.environment(), "CRMSYNC_HUBSPOT__SEARCH_PER_SECOND": "0", "CRMSYNC_ACME__BOOK": str(tmp_path / "rolodex.json")}
        connectors = discovery.connect_all(environ, sleep=time.sleep, clock=time)
        assert sorted(connectors) == ["acme", "hubspot"]
        for connector in connectors.values():
            assert {f.level for f in connector.provision(OWN_FIELDS, dry_run=False)} <= {"done", "info"}
        store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
        world = World(store=store, connectors=connectors, playbook=load(home))
        book = book_of(connectors["acme"])

        def settle() -> None:
            time.sleep(15)
            for _ in range(8):
                report = cycle(world, time())
                assert report.errors == {}
                if not report.more:
                    return
            raise AssertionError("never settles")

        settle()
        human = book.add("humans", {"Mail": "ann@x.example", "Given": "Ann", "Family": "Lee", "Role": "Engineer", "Tel": "+14085550100"})
        settle()
        (contact,) = hubspot.all("contacts")
        assert (contact["email"], contact["lastname"], contact["jobtitle"]) == ("ann@x.example", "Lee", "Engineer")

        hubspot.edit("contacts", contact["id"], {"jobtitle": "Director", "phone": ""})
        hubspot.create("contacts", {"email": "hot@x.example", "lastname": "Hot", "company": "Acme"})
        hubspot.happen({"email": "hot@x.example", "type": "form_submitted", "name": "Demo request"})
        settle()
        data = book.read()
        shown = data["humans"][human]["fields"]
        assert (shown["Role"], shown.get("Tel")) == ("Director", None)
        (hot,) = [row["fields"] for row in data["humans"].values() if row["fields"]["Mail"] == "hot@x.example"]
        (chore,) = [row["fields"] for row in data["chores"].values()]
        assert hot["x_crmsync_stage"] == "sal"
        assert chore["What"].startswith("Call now")
        assert (chore["Who"], hot["Keeper"]) == (hot["Keeper"], chore["Who"])

        before = data["tick"]
        hubspot.reset_calls()
        settle()
        assert book.read()["tick"] == before, "a settled world writes nothing"
        assert [c.method for c in hubspot.calls if "batch/" in c.path and "read" not in c.path] == []
        store.close()
        for connector in connectors.values():
            connector.close()


class AcmeRig:
    """The plug-in held against the same contract as the bundled connectors."""

    object, email, text = "Human", "Mail", "Role"
    can = frozenset({"tasks", "refuse", "bare"})
    idle_calls, seen_after, gone_after, unknown_id = 1, 0.0, 0.0, "h999"

    def __init__(self, path: Path) -> None:
        self.needs: Mapping[str, Value] = {"Family": "Known"}
        self.bad: Mapping[str, Value] = {"Mail": None}
        self.time = Time()
        self.connector = acme(path, self.time)
        self._book = book_of(self.connector)

    def now(self) -> Any:
        return self.time()

    def wait(self, seconds: float) -> None:
        self.time.sleep(seconds)

    def add(self, fields: Any) -> str:
        return str(self._book.add("humans", fields))

    def edit(self, id: str, fields: Any) -> None:
        self._book.edit(id, fields)

    def delete(self, id: str) -> None:
        self._book.remove(id)

    def merge(self, winner: str, loser: str) -> str:
        raise AssertionError("Acme merges nobody")

    def convert(self, id: str) -> Ref:
        raise AssertionError("Acme converts nobody")

    def shown(self, id: str) -> Any:
        return {"Role": None, **self._book.read()["humans"][id]["fields"]}

    def tasks(self) -> int:
        return len(self._book.read()["chores"])

    def calls(self) -> int | None:
        return None

    def trouble(self, what: str) -> None:
        raise AssertionError("a file breaks for good")

    def bare(self) -> Connector:
        return self.connector


class TestAcme(ConnectorContract):
    @pytest.fixture
    def rig(self, request: pytest.FixtureRequest, door: None, tmp_path: Path) -> Rig:
        made = AcmeRig(tmp_path / "rolodex.json")
        if "provision" not in request.node.name:
            made.connector.provision(OWN_FIELDS, dry_run=False)
        return made


def test_the_installation_needs_no_network(installed: Path) -> None:
    """What pip was given: no requirement to fetch, an in-tree backend, and a wheel of these files only."""
    names = sorted(path.name for path in installed.iterdir() if path.name != "bin")
    assert names == ["crmsync_acme", "crmsync_acme-1.0.0.dist-info"]
    points = (installed / "crmsync_acme-1.0.0.dist-info" / "entry_points.txt").read_text("utf-8")
    assert points == "[crmsync.connectors]\nacme = crmsync_acme:connect\n"
