"""An owner who was unknown when a record was read, and gets known later."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from crmsync.model.record import User
from crmsync.model.rules import FieldType, Place
from tiny import Tiny, field_map, playbook, replace


def user(side: str, id: str, email: str) -> User:
    return User(side=side, id=id, email=email, name=email)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """Two CRMs where Rita works; `city` holds the owner."""
    owner = replace(field_map("owner", FieldType.OWNER), places={(side, "person"): Place(field="city") for side in "ab"})
    fields = {"email": field_map("email", FieldType.EMAIL), "phone": field_map("phone"), "owner": owner}
    made = Tiny(tmp_path, rules=playbook(fields=fields))
    made.a.users_list = [user("a", "u1", "rita@corp.example")]
    made.b.users_list = [user("b", "7", "rita@corp.example")]
    return made


def owner_in(tiny: Tiny, side: str, email: str) -> object:
    rows = (tiny.a if side == "a" else tiny.b).live().values()
    (found,) = [fields["city"] for fields in rows if fields["email"] == email]
    return found


def hire(tiny: Tiny) -> None:
    """Sam is made visible in both CRMs; users are read every five minutes."""
    tiny.a.users_list = [*tiny.a.users_list, user("a", "u9", "sam@corp.example")]
    tiny.b.users_list = [*tiny.b.users_list, user("b", "9", "sam@corp.example")]
    tiny.now += timedelta(minutes=6)


@pytest.mark.parametrize("restarted", [False, True])
def test_records_of_an_owner_who_gets_known_are_looked_at_again(tiny: Tiny, restarted: bool) -> None:
    # given five records of Rita's and two of somebody nobody has heard of
    for n in range(5):
        tiny.a.add(email=f"r{n}@example.com", city="u1")
    for n in range(2):
        tiny.a.add(email=f"s{n}@example.com", city="u9")
    tiny.settle()
    assert [owner_in(tiny, "b", f"r{n}@example.com") for n in range(5)] == ["7"] * 5
    assert [owner_in(tiny, "b", f"s{n}@example.com") for n in range(2)] == [None] * 2
    # when that somebody gets known, perhaps to a new process, and no record changes
    hire(tiny)
    if restarted:
        tiny.restart()
    before = (tiny.a.call_count, tiny.b.call_count)
    report = tiny.cycle()
    tiny.settle()
    # then those records have their owner on the other side too, and nobody else was decided about
    assert [owner_in(tiny, "b", f"s{n}@example.com") for n in range(2)] == ["9"] * 2
    assert [owner_in(tiny, "a", f"s{n}@example.com") for n in range(2)] == ["u9"] * 2
    assert report.decided == 2
    assert tiny.store.problems.rows() == []
    assert tiny.a.call_count - before[0] <= 4, "nothing is read again for it"
    # and that is once
    tiny.now += timedelta(minutes=6)
    assert tiny.cycle().decided == 0
    tiny.close()


def test_a_pair_named_by_the_admin_makes_an_owner_known(tiny: Tiny) -> None:
    tiny.a.add(email="s@example.com", city="u9")
    tiny.settle()
    assert owner_in(tiny, "b", "s@example.com") is None
    # when the admin says who that is
    pairs = {"rita@corp.example": {"a": "u9", "b": "7"}}
    tiny.remap(lambda rules: replace(rules, person=replace(rules.person, owner_pairs=pairs)))
    tiny.settle()
    assert owner_in(tiny, "b", "s@example.com") == "7"
    tiny.close()


def test_a_record_whose_text_looks_like_an_owner_is_left_alone(tiny: Tiny) -> None:
    tiny.a.add(email="s@example.com", city="u1", phone="a:u9")
    tiny.settle()
    hire(tiny)
    assert tiny.cycle().decided == 0
    tiny.close()
