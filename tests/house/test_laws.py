"""The laws of the kernel one by one, each on a tiny world and in well under a second: what the mutants of test_mutants.py must not survive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmsync.decide import guard
from crmsync.decide.canonical import stamp
from crmsync.decide.reconcile import reconcile
from crmsync.decide.translate import Lens, lenses_of
from crmsync.errors import HaltError, UnreachableError
from crmsync.model.change import Outcome, OutcomeKind, Write
from crmsync.model.link import Agreed, PersonState, Snapshot
from crmsync.model.process import ScoreRules, TypeRule
from crmsync.model.record import RecordState, Ref, User, Value
from crmsync.model.rules import Brakes, FieldMap, Playbook, SignalMap
from crmsync.testing.memory import Died, MemoryCrm
from tiny import NAMES, Tiny, field_map, memory, playbook, quietly

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EMAIL = "ann@example.org"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    made = Tiny(tmp_path)
    yield made
    made.close()


def pair(tiny: Tiny, **fields: Value) -> tuple[str, str]:
    """One person known on both sides and settled."""
    a = tiny.a.add(email=EMAIL, **fields)
    tiny.settle()
    tiny.settle()
    (b,) = tiny.b.live()
    tiny.a.log.clear()
    tiny.b.log.clear()
    return a, b


def fails(crm: MemoryCrm, call: str, phase: str, error: type[BaseException] | BaseException) -> None:
    """The next such call ends with this."""

    def fault(now_call: str, now_phase: str) -> None:
        if (now_call, now_phase) == (call, phase):
            crm.fault = lambda call, phase: None
            raise error

    crm.fault = fault


def test_the_base_moves_by_results_not_by_intent(tiny: Tiny) -> None:
    """Law 2. A write that never arrived leaves the edit standing: it is sent again, and nothing comes back."""
    a, b = pair(tiny, phone="+14085550101")
    tiny.a.edit(a, phone="+14085550102")
    fails(tiny.b, "write", "before", UnreachableError("b did not answer", side="b"))
    quietly(tiny)
    assert tiny.b.rows[b].fields["phone"] == "+14085550101"
    tiny.settle()
    assert (tiny.a.rows[a].fields["phone"], tiny.b.rows[b].fields["phone"]) == ("+14085550102", "+14085550102")


def test_an_outdated_index_row_is_not_believed(tiny: Tiny) -> None:
    """F01. b's search still shows the time before our write; believing it would send the old value back to a."""
    a, b = pair(tiny, phone="+14085550101")
    tiny.b.edit(b, title="CEO")
    tiny.b.lag()
    tiny.a.edit(a, phone="+14085550102")
    tiny.settle()
    tiny.settle()
    assert tiny.a.log == [("update", a, {"title": "CEO"})]
    tiny.b.catch_up()
    tiny.settle()
    assert (tiny.a.rows[a].fields["phone"], tiny.b.rows[b].fields["phone"]) == ("+14085550102", "+14085550102")


def test_a_create_whose_answer_was_lost_is_found_by_its_key(tiny: Tiny) -> None:
    """Law 3. The CRM did create the record, then the process died: the next run finds it and creates no second one."""
    tiny.b.unique_email = None
    tiny.a.add(email=EMAIL, phone="+14085550101")
    fails(tiny.b, "write", "after", Died)
    with pytest.raises(Died):
        tiny.cycle()
    tiny.restart()
    (made,) = tiny.b.live()
    assert tiny.b.rows[made].fields["crmsync_key"] is not None
    tiny.settle()
    assert list(tiny.b.live()) == [made]
    assert tiny.store.journal.open_intents() == []


def test_a_value_the_crm_rewrites_is_not_written_back(tiny: Tiny) -> None:
    """Law 2. b keeps eight characters: that is its own form of the value, not an edit."""
    a, b = pair(tiny, title="Dr.")
    tiny.b.rewrite = lambda name, value: value[:8] if name == "title" and isinstance(value, str) else value
    tiny.a.edit(a, title="Managing Partner")
    tiny.settle()
    tiny.settle()
    assert tiny.a.rows[a].fields["title"] == "Managing Partner"
    assert tiny.b.rows[b].fields["title"] == "Managing"
    assert tiny.a.log == []
    assert len(tiny.b.log) == 1
    tiny.a.edit(a, city="Lyon")
    tiny.settle()
    assert tiny.a.rows[a].fields["title"] == "Managing Partner"
    assert tiny.a.log == []


class Refusing(MemoryCrm):
    """Refuses one value of one field."""

    def write(self, writes: object) -> list[Outcome]:
        assert isinstance(writes, list)
        outcomes: list[Outcome] = []
        for write in writes:
            assert isinstance(write, Write)
            if write.fields.get("phone") == "bad":
                self.log.append(("refused", str(write.id), dict(write.fields)))
                outcomes.append(Outcome(write_id=write.write_id, kind=OutcomeKind.REJECTED, cause="INVALID", fields=("phone",)))
            else:
                outcomes += MemoryCrm.write(self, [write])
        return outcomes


def test_a_refused_value_is_parked_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Law 5. The bad field is a problem, tried once; the good field arrives; another value is tried again."""
    tiny = Tiny(tmp_path, b=Refusing(name="b", names=NAMES, unique_email="email", reads_back=True))
    a, b = pair(tiny, phone="+14085550101")
    tiny.a.edit(a, phone="bad", city="Bonn")
    for _ in range(4):
        tiny.settle()
    assert [entry for entry in tiny.b.log if entry[0] == "refused"] == [tiny.b.log[0]]
    assert (tiny.b.rows[b].fields["phone"], tiny.b.rows[b].fields["city"]) == ("+14085550101", "Bonn")
    assert [p.problem.field for p in tiny.store.problems.rows()] == ["phone"]
    tiny.a.edit(a, phone="+14085550103")
    tiny.settle()
    assert tiny.b.rows[b].fields["phone"] == "+14085550103"
    assert tiny.store.problems.rows() == []
    tiny.close()


def test_a_deleted_record_is_not_raised_from_the_dead(tiny: Tiny) -> None:
    """F36. Deleted in b: the record in a stays, is flagged, and nothing is created in b, edits or not."""
    a, b = pair(tiny, phone="+14085550101")
    tiny.b.delete(b)
    tiny.settle()
    tiny.a.edit(a, phone="+14085550102")
    tiny.settle()
    assert tiny.b.live() == {}
    assert list(tiny.a.live()) == [a]
    assert [p.problem.cause for p in tiny.store.problems.rows()] == ["deleted_elsewhere"]


def test_an_edit_between_reading_and_writing_is_not_overwritten(tiny: Tiny) -> None:
    """F29. A rep changes the target after it was read and before it is written: the later edit wins, and it is the rep's."""
    a, b = pair(tiny, phone="+14085550101")
    tiny.a.edit(a, phone="+14085550102")
    tiny.b.tick = tiny.a.tick + 10

    def rep(call: str, phase: str) -> None:
        if (call, phase) == ("pull", "after"):
            tiny.b.fault = lambda call, phase: None
            tiny.b.edit(b, phone="+14085550103")

    tiny.b.fault = rep
    tiny.settle()
    tiny.settle()
    assert (tiny.a.rows[a].fields["phone"], tiny.b.rows[b].fields["phone"]) == ("+14085550103", "+14085550103")


def selling() -> Playbook:
    """The moment of a demo request stands in `city` of a; every mql is handed to the next of two reps."""
    base = playbook(fields={"email": playbook().person.fields["email"]})
    return replace(
        base,
        person=replace(base.person, reads={("a", "person"): ("city",)}),
        signals=(SignalMap(side="a", object="person", field="city", type="demo_request"),),
        score=ScoreRules(express=("demo_request",)),
        types=(TypeRule(type="direct_request"),),
    )


def users(side: str) -> list[User]:
    return [User(side=side, id=f"{side}-{name}", email=f"{name}@us.example", name=name, active=True) for name in ("rep1", "rep2")]


def test_round_robin_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Law 11. The counter outlives the cycle and the process: two leads in two runs go to two reps."""
    tiny = Tiny(tmp_path, rules=selling(), a=memory("a", users_list=users("a")), b=memory("b", users_list=users("b")))
    tiny.settle()
    tiny.now += timedelta(minutes=1)
    for number in (1, 2):
        tiny.a.add(email=f"p{number}@example.org", city=stamp(tiny.now))
        tiny.settle()
        tiny.restart()
    owners = [task["owner"] for task in tiny.a.tasks.values()]
    assert sorted(map(str, owners)) == ["a-rep1", "a-rep2"]
    tiny.close()


def test_what_happened_before_the_first_sync_starts_nothing(tmp_path: Path) -> None:
    """Section 9a. People and signals that were there at first contact are staged; no task and no owner comes of them."""
    rules = replace(selling(), start_from=datetime(2027, 1, 1, tzinfo=UTC))
    tiny = Tiny(tmp_path, rules=rules, a=memory("a", users_list=users("a")), b=memory("b", users_list=users("b")))
    tiny.a.add(email=EMAIL, city=stamp(tiny.now))
    tiny.settle()
    (person,) = tiny.store.find_person_by_email(EMAIL)
    state = tiny.store.persons([person])[person]
    assert [entry.stage for entry in state.stages][-1] == "mql"
    assert state.historic
    assert (tiny.a.tasks, state.assigned_at) == ({}, None)
    tiny.close()


def test_a_finding_goes_when_its_reason_goes(tmp_path: Path) -> None:
    """L10. Without a usable address the handoff waits and says so; the address arrives, the handoff follows, the problem is over."""
    tiny = Tiny(tmp_path, rules=selling(), a=memory("a", users_list=users("a")), b=memory("b", users_list=users("b")))
    tiny.settle()
    tiny.now += timedelta(minutes=1)
    a = tiny.a.add(email="nobody at all", city=stamp(tiny.now))
    tiny.settle()
    assert [p.problem.cause for p in tiny.store.problems.rows()] == ["handoff_waits"]
    assert [task["subject"] for task in tiny.a.tasks.values()] == ["Fix contact data: nobody at all"]
    tiny.a.edit(a, email=EMAIL)
    tiny.settle()
    assert tiny.store.problems.rows() == []
    assert len(tiny.a.tasks) == 2
    tiny.close()


def test_a_halt_stands_until_a_person_lifts_it(tmp_path: Path) -> None:
    """Law 6. An emptied side halts, the halt is stored, nothing is written meanwhile."""
    tiny = Tiny(tmp_path, rules=playbook(brakes=Brakes(min_deletes=3)))
    ids = [tiny.a.add(email=f"p{n}@example.org") for n in range(4)]
    tiny.settle()
    tiny.settle()
    for id in ids:
        tiny.a.delete(id)
    for _ in range(2):
        with pytest.raises(HaltError):
            tiny.cycle()
    halt = tiny.store.halt()
    assert halt is not None
    assert (halt.cause, halt.side) == ("emptied", "a")
    assert len(tiny.b.live()) == 4
    tiny.close()


# --- pure parts ---------------------------------------------------------------------------------------------------------------


def shot(side: str, fields: Mapping[str, Value]) -> Snapshot:
    return Snapshot(ref=Ref(side=side, object="person", id=f"{side}1"), fields=fields, extra={}, modified_at=NOW, state=RecordState.LIVE)


def lenses(phone: FieldMap) -> dict[tuple[str, str], Lens]:
    return lenses_of(playbook(fields={"phone": phone}).person, ("a", "b"))


def settled(mapping: str) -> PersonState:
    base = {"phone": Agreed(values={"a": "1", "b": "1"}, mapping=mapping)}
    return PersonState(person_id="p", base=base, anchors={"a": "person/a1", "b": "person/b1"})


def test_what_a_page_did_not_deliver_is_unknown_not_empty() -> None:
    """F30. The field is missing from a's answer: nothing is decided about it, least of all that it was cleared."""
    phone = field_map("phone")
    absent = reconcile(settled("phone-1"), {"a": shot("a", {}), "b": shot("b", {"phone": "1"})}, lenses(phone))
    assert (absent.moves["a"], absent.moves["b"]) == ([], [])
    emptied = reconcile(settled("phone-1"), {"a": shot("a", {"phone": None}), "b": shot("b", {"phone": "1"})}, lenses(phone))
    assert [move.value for move in emptied.moves["b"]] == [None]


def test_a_field_whose_mapping_changed_has_no_base() -> None:
    """Law 4. Mapped to another native field, which is empty: first contact fills it; it was never "cleared"."""
    now_mapped = {"a": shot("a", {"phone": None}), "b": shot("b", {"phone": "1"})}
    merged = reconcile(settled("phone-0"), now_mapped, lenses(field_map("phone")))
    assert [move.value for move in merged.moves["a"]] == ["1"]
    assert merged.moves["b"] == []


BRAKES = Brakes(max_creates=10, min_deletes=5, max_deletes_share=0.1, min_changes=5, max_changes_share=0.5)


@pytest.mark.parametrize(("creates", "halts"), [(9, False), (10, False), (11, True)])
def test_creates_up_to_the_limit_pass(creates: int, halts: bool) -> None:
    assert (guard.too_many_creates(creates=creates, brakes=BRAKES, now=NOW) is not None) is halts


@pytest.mark.parametrize(
    ("deleted", "known", "cause"),
    [(4, 4, None), (5, 50, None), (5, 51, None), (5, 49, "mass_delete"), (6, 59, "mass_delete"), (6, 60, None), (5, 5, "emptied")],
)
def test_deletes_up_to_the_limits_pass(deleted: int, known: int, cause: str | None) -> None:
    halt = guard.mass_delete(deleted=deleted, known=known, side="a", brakes=BRAKES, now=NOW)
    assert (None if halt is None else halt.cause) == cause


@pytest.mark.parametrize(("changed", "known", "halts"), [(4, 4, False), (5, 10, False), (5, 9, True), (6, 11, True), (6, 12, False)])
def test_changes_up_to_the_limits_pass(changed: int, known: int, halts: bool) -> None:
    assert (guard.mass_change(changed=changed, known=known, side="a", brakes=BRAKES, now=NOW) is not None) is halts


def test_another_account_halts() -> None:
    assert guard.account_changed(was="1", now_is="1", side="a", now=NOW) is None
    assert guard.account_changed(was=None, now_is="2", side="a", now=NOW) is None
    halt = guard.account_changed(was="1", now_is="2", side="a", now=NOW)
    assert halt is not None
    assert halt.cause == "account_changed"
