"""Kinds of events that signals name, against what connected CRMs list."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crmsync.connect.discovery import connect_all
from crmsync.errors import ConfigError
from crmsync.model.rules import PersonMap, Playbook, SignalMap
from crmsync.playbook.load import load_files, shipped_paths
from crmsync.playbook.references import LISTS
from crmsync.service.playbook import known_to
from crmsync.service.settings import read_settings
from crmsync.service.workspace import open_workspace, utc_now


def book(*kinds: str) -> Playbook:
    signals = (
        SignalMap(side="acme", object="Human", field="x", type="opened", events=kind, where=f"mappings/signals.yaml:{line}")
        for line, kind in enumerate(kinds, 3)
    )
    return Playbook(person=PersonMap(objects={}, create_as={}, fields={}), signals=tuple(signals))


def test_a_kind_that_its_connector_does_not_list_is_an_error_with_its_line() -> None:
    acme: Any = SimpleNamespace(traits=SimpleNamespace(events={"opened": "mails", "left": "mails"}))
    known_to(book("opened", "", "left"), {"acme": acme})
    known_to(book("opend"), {})  # a side that is not connected cannot be asked
    with pytest.raises(ConfigError) as caught:
        known_to(book("opened", "opend", "lft"), {"acme": acme})
    assert str(caught.value).split("\n") == [
        'mappings/signals.yaml:4: events: unknown kind of event "opend", which would never be read; use one of opened, left (did you mean opened?)',
        'mappings/signals.yaml:5: events: unknown kind of event "lft", which would never be read; use one of opened, left (did you mean left?)',
    ]


def test_what_loading_knows_of_the_bundled_connectors_is_what_these_list() -> None:
    environ = {
        "CRMSYNC_HUBSPOT__ACCESS_TOKEN": "pat-x", "CRMSYNC_SALESFORCE__LOGIN_URL": "http://127.0.0.1:9",
        "CRMSYNC_SALESFORCE__CLIENT_ID": "x", "CRMSYNC_SALESFORCE__CLIENT_SECRET": "x",
    }  # fmt: skip
    connectors = connect_all(environ, sleep=lambda seconds: None, clock=utc_now)
    assert {side: set(kinds) for side, kinds in LISTS.items()} == {side: set(c.traits.events) for side, c in connectors.items()}
    for connector in connectors.values():
        connector.close()


def test_the_place_of_a_shipped_kind_is_known() -> None:
    paths = shipped_paths()
    lines = paths["mappings/signals.yaml"].read_text("utf-8").split("\n")
    named = [signal for signal in load_files(paths).signals if signal.events]
    assert len(named) == 6
    for signal in named:
        file, _, line = signal.where.partition(":")
        assert file == "mappings/signals.yaml"
        assert f"events: {signal.events}" in lines[int(line) - 1]


def test_nothing_is_opened_with_a_misspelt_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed: list[str] = []
    acme: Any = SimpleNamespace(traits=SimpleNamespace(events={}), close=lambda: closed.append("acme"))
    monkeypatch.setattr("crmsync.connect.discovery.connect_all", lambda environ, **clock: {"acme": acme})
    monkeypatch.setattr("crmsync.service.playbook.load", lambda home: book("opend"))
    settings = read_settings({"CRMSYNC_HOME": str(tmp_path), "CRMSYNC_DATABASE_URL": f"sqlite:///{tmp_path}/state.db"})
    with pytest.raises(ConfigError, match=r"yaml:3: events: .*acme lists no events"), open_workspace(settings):
        raise AssertionError("it was opened")
    assert closed == ["acme"]
    assert list(tmp_path.iterdir()) == [], "no database"
