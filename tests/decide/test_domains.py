"""Which mail services are personal and which throw-away: two libraries' lists, and the admin's word before theirs."""

from __future__ import annotations

from crmsync.decide.condition import holds, lists_of
from crmsync.decide.domains import known, mail_domains
from crmsync.model.condition import Test
from crmsync.model.rules import PersonMap, Playbook

PERSON = PersonMap(objects={}, create_as={}, fields={})


def test_the_lists_know_the_usual_services_and_nobody_twice() -> None:
    free, disposable = known()
    assert {
        "gmail.com",
        "outlook.com",
        "gmx.de",
        "web.de",
        "qq.com",
        "proton.me",
        "orange.fr",
        "yahoo.co.uk",
        "icloud.com",
        "libero.it",
    } <= free
    assert {"mailinator.com", "guerrillamail.com", "yopmail.com", "10minutemail.com", "trashmail.de"} <= disposable
    assert free & disposable == frozenset()
    assert len(free) > 4000
    assert len(disposable) > 8000


def test_the_admins_word_comes_first() -> None:
    playbook = Playbook(
        person=PERSON,
        free_domains=frozenset({"Hey.com", "mailinator.com"}),
        disposable_domains=frozenset({"gone.example", "gmx.de"}),
        business_domains=frozenset({"yopmail.com", "Orange.fr"}),
    )
    free, disposable = mail_domains(playbook)
    assert {"hey.com", "mailinator.com", "gmail.com"} <= free
    assert {"gone.example", "gmx.de", "guerrillamail.com"} <= disposable
    assert not {"gmx.de", "orange.fr"} & free
    assert not {"mailinator.com", "yopmail.com"} & disposable
    assert free & disposable == frozenset()


def test_conditions_ask_these_lists() -> None:
    lists = lists_of(Playbook(person=PERSON, target_domains=frozenset({"Big.example"})))
    for email, name in (("a@gmail.com", "free"), ("b@mailinator.com", "disposable"), ("c@eu.big.example", "target")):
        told = {
            n
            for n in ("free", "disposable", "competitor", "target")
            if holds(Test(field="email", op="domain_in", value=n), {"email": email}, lists)
        }
        assert told == {name}
