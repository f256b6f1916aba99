"""`crmsync preview`: the text of a task for one person, by command over two simulated CRMs, and edited texts under a running daemon."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crmsync.errors import ConfigError
from crmsync.service.reload import PlaybookWatch
from crmsync.service.settings import read_settings
from crmsync.service.workspace import open_workspace
from fronts.town import Answer, Town

KEYS = {
    "template", "person_id", "wanted_locale", "locale", "locales", "subject", "body", "blocked", "blocked_by", "problem", "missing", "fell_back", "wrong",
}  # fmt: skip


@pytest.fixture
def known(town: Town) -> tuple[Town, str]:
    """One person in Germany, in step, and their address."""
    (email,) = town.seed(1, country="Germany")
    town.provision()
    assert town.run("sync").code == 0
    return town, email


def write(town: Town, name: str, text: str) -> Path:
    path = town.home / "mappings" / "templates" / name
    path.write_text(text, "utf-8")
    return path


def test_c4_a_text_is_shown_in_the_persons_language(known: tuple[Town, str]) -> None:
    town, email = known
    write(town, "mine.txt", "Subject: For {{ company }}\n\nHello {{ first_name }}, {{ industry | default('all of you') }}")
    write(
        town,
        "mine.de.txt",
        "Subject: Für {{ company }}\n\nHallo {{ first_name }}, {{ industry | default('alle') }}{% if campaign %}!{% endif %}",
    )
    calls, writes = town.calls(), town.writes()
    said = town.run("preview", "mine", email)
    assert said.code == 0, said.err
    assert said.out == "Subject: Für Acme 0\n\nHallo First0, alle\n"
    assert "language: de (wanted: de)" in said.err
    assert "industry is empty; instead: alle" in said.err
    assert "campaign is empty; the text does without it" in said.err
    told = town.run("preview", "mine", email.upper(), "--locale", "en", "--json")
    assert set(told.json) == KEYS
    assert (told.json["subject"], told.json["locale"], told.json["wanted_locale"], told.json["locales"]) == (
        "For Acme 0",
        None,
        "en",
        ["de"],
    )
    assert told.json["fell_back"] == [{"field": "industry", "text": "all of you"}]
    assert (told.json["missing"], told.json["blocked"], told.json["problem"]) == (["industry"], False, None)
    assert (town.calls(), town.writes()) == (calls, writes), "a CRM was asked"


def test_c4_a_blocked_text_says_why_and_exits_1(known: tuple[Town, str]) -> None:
    town, email = known
    write(town, "mine.txt", "Subject: x\n\nHello {{ campaign }}, {{ industry }}")
    said = town.run("preview", "mine", email)
    assert (said.code, said.out) == (1, "")
    assert "campaign is empty, and the text cannot do without it" in said.err
    assert "blocked: the task would have no text (campaign, industry missing)" in said.err
    told = town.run("preview", "mine", email, "--json")
    assert (told.code, told.json["blocked_by"], told.json["body"]) == (1, ["campaign", "industry"], "")
    write(town, "mine.txt", "Subject: x\n\nHello {{ ''.__class__ }}")
    said = town.run("preview", "mine", email)
    assert said.code == 1
    assert "attributes (a.b) cannot be used" in said.err
    assert "mappings/templates/mine.txt:3" in said.err


def test_an_unknown_template_lists_the_known_and_an_unknown_person_is_told(known: tuple[Town, str]) -> None:
    town, email = known
    said = town.run("preview", "demo_reqest", email)
    assert said.code == 2
    assert "did you mean demo_request?" in said.err
    assert "reengagement" in said.err
    said = town.run("preview", "demo_request", "nobody@example.com")
    assert said.code == 1
    assert "No person with the e-mail nobody@example.com is known" in said.err
    assert town.run("preview", "demo_request").code == 2


def test_every_text_that_ships_can_be_previewed(known: tuple[Town, str]) -> None:
    town, email = known
    for path in sorted((town.home / "mappings" / "templates").glob("*.txt")):
        told = town.run("preview", path.stem.split(".")[0], email, "--json").json
        assert (told["problem"], told["wrong"]) == (None, []), path.name
        assert set(told["blocked_by"]) <= {"owner_name"}, path.name


def test_mistakes_in_texts_are_errors_of_check(town: Town) -> None:
    assert town.run("check").code == 0
    write(town, "mine.txt", "Subject: x\n\nHello\n{{ ownr_name }}\n{% for i in range(9) %}{% endfor %}")
    said = town.run("check")
    assert said.code == 2
    assert 'playbook: error: mappings/templates/mine.txt:4: "ownr_name" is no merge field' in said.out
    assert "playbook: error: mappings/templates/mine.txt:5: for goes over a merge field that is a list" in said.out


def test_an_edited_text_is_taken_and_a_wrong_one_refused_while_the_daemon_runs(known: tuple[Town, str]) -> None:
    town, _ = known
    path = write(town, "mine.txt", "Subject: x\n\nfirst")
    with open_workspace(read_settings(town.environ)) as workspace:
        watch = PlaybookWatch(town.home, wall=lambda: 4e9)
        assert watch.current(workspace) is workspace
        write(town, "mine.txt", "Subject: x\n\nsecond")
        taken = watch.current(workspace)
        assert taken.playbook.templates["mine"].variants[""] == ("x", "second")
        assert (taken.refused, watch.current(taken)) == (None, taken)
        write(town, "mine.de.txt", "Subject: x\n\nzweite {{ nobody }}")
        refused = watch.current(taken)
        assert refused.refused is not None
        assert 'mappings/templates/mine.de.txt:3:1: "nobody" is no merge field' in refused.refused
        assert refused.playbook is taken.playbook
        os.rename(town.home / "mappings" / "templates" / "mine.de.txt", town.home / "mappings" / "templates" / "yours.txt.off")
        back = watch.current(refused)
        assert back.refused is None
        path.rename(path.with_name("yours.txt"))
        gone = watch.current(back)
        assert ("mine" in gone.playbook.templates, "yours" in gone.playbook.templates) == (False, True)


def test_a_home_without_texts_says_so(home: Path, command: Callable[..., Answer]) -> None:
    from crmsync.service.preview import known_template

    with pytest.raises(ConfigError, match="mappings/templates holds none"):
        known_template({}, "demo_request")
    said = command("preview", "demo_request", "nobody@example.com", environ={"CRMSYNC_HOME": str(home)})
    assert (said.code, "No CRM is connected" in said.err) == (2, True)
