"""The playbook's rules against live schemas: what no connected CRM could ever answer is told with the line of the rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crmsync.model.condition import All, Condition, Not, Test
from crmsync.model.fields import own_fields
from crmsync.model.process import EngagedRule, FitRule, ProfileRules, Question, QuestionSet, ScoreRules, StageRules, Track
from crmsync.model.record import FieldSchema, ObjectSchema
from crmsync.model.rules import FieldMap, FieldType, PersonMap, Place, Playbook, TwinMap
from crmsync.playbook.check import check
from crmsync.playbook.check_rules import check_rules

Schemas = dict[str, dict[str, ObjectSchema]]
LINE = "mappings/playbook.yaml:7"


def _f(name: str, type: str = "text", **more: Any) -> FieldSchema:
    return FieldSchema(name=name, label=name, type=type, **more)


def _schemas(a: FieldSchema | None, b: FieldSchema | None) -> Schemas:
    made: Schemas = {}
    for side, object, field in (("a", "person", a), ("b", "human", b)):
        fields = {f.name: f for f in (_f("mail", "email"), field) if f is not None}
        made[side] = {object: ObjectSchema(object=object, label=object, fields=fields)}
    return made


def _book(type: FieldType = FieldType.PICKLIST, values: dict[str, dict[str, str]] | None = None, **more: Any) -> Playbook:
    """One house field, x: a.person.x and b.human.y."""
    x = FieldMap(
        name="x",
        type=type,
        places={("a", "person"): Place(field="x"), ("b", "human"): Place(field="y")},
        to=frozenset(),
        values=values or {},
    )
    person = PersonMap(objects={"a": ("person",), "b": ("human",)}, create_as={}, fields={"x": x})
    return Playbook(person=person, **more)


def _rule(when: Condition) -> ScoreRules:
    return ScoreRules(fit=(FitRule(name="r", points=5, when=when),))


def _said(book: Playbook, schemas: Schemas) -> list[tuple[str, str, str, str]]:
    return [(f.level, f.subject, f.message, f.fix) for f in check_rules(book, schemas)]


def _is(value: str, op: str = "eq") -> Test:
    return Test(field="x", op=op, value=value, where=LINE)


PICK_A = _f("x", "picklist", options=("hot", "cold"), restricted=True)
PICK_B = _f("y", "picklist", options=("WARM", "COLD"), restricted=True)


def test_an_option_that_no_picklist_has() -> None:
    book = _book(score=_rule(All(of=(_is("hott"), Not(of=_is("Cold")), Test(field="x", op="in", value=("warm", "blue"), where="f:9")))))
    assert _said(book, _schemas(PICK_A, PICK_B)) == [
        (
            "error",
            LINE,
            "x never has the value hott: person.x (a), human.y (b) has no such option",
            "use one of COLD, WARM, cold, hot (did you mean hot?)",
        ),
        ("error", "f:9", "x never has the value blue: person.x (a), human.y (b) has no such option", "use one of COLD, WARM, cold, hot"),
    ]
    free = _schemas(replace(PICK_A, restricted=False), PICK_B)
    assert [level for level, *_ in _said(book, free)] == ["warning", "warning"]
    assert _said(book, _schemas(PICK_A, _f("y"))) == [], "a text can have any value"


def test_options_are_compared_in_the_words_of_the_house() -> None:
    book = _book(values={"b": {"WARM": "mild"}}, score=_rule(_is("mild")))
    assert _said(book, _schemas(PICK_A, PICK_B)) == []
    assert len(_said(replace(book, score=_rule(_is("WARM"))), _schemas(PICK_A, PICK_B))) == 1


@pytest.mark.parametrize(("type", "op", "value", "begins"), [
    (FieldType.PICKLIST, "ge", 200, "x is of type picklist, of which at_least never holds"),
    (FieldType.TEXT, "eq", 5, "x is a text and never the number 5"),
    (FieldType.TEXT, "within", 30, "x is of type text, of which within never holds"),
    (FieldType.NUMBER, "eq", "many", 'x is a number and "many" is none'),
    (FieldType.DATE, "gt", 5, "x is a date and 5 is none"),
])  # fmt: skip
def test_types_hold_for_playbooks_that_no_file_was_read_for(type: FieldType, op: str, value: Any, begins: str) -> None:
    book = _book(type, score=_rule(Test(field="x", op=op, value=value, where=LINE)))
    ((level, where, message, fix),) = _said(book, _schemas(_f("x"), _f("y")))
    assert (level, where) == ("error", LINE)
    assert message.startswith(begins)
    assert fix


def test_a_field_that_no_crm_has() -> None:
    none = _schemas(None, None)
    question = ProfileRules(sets=(QuestionSet(name="q", questions=(Question(field="x", ask="X?"),), where="f:3"),))
    book = _book(FieldType.NUMBER, score=_rule(Test(field="x", op="gt", value=1, where=LINE)), profile=question,
                 stages=StageRules(engaged=EngagedRule(delivered="x", opened="x", clicked="x")))  # fmt: skip
    said = _said(book, none)
    assert {(level, where) for level, where, *_ in said} == {("error", LINE), ("error", "f:3"), ("error", "mappings/playbook.yaml")}
    assert {message for *_, message, _ in said} == {"no connected CRM has the field x, or shows it to the integration user"}
    assert _said(book, _schemas(_f("x", "number"), None)) == []
    assert _said(book, {"a": none["a"]}) == [], "what is not connected may have it"


def test_a_question_that_nobody_can_answer() -> None:
    book = _book(
        FieldType.TEXT, profile=ProfileRules(sets=(QuestionSet(name="q", questions=(Question(field="x", ask="X?"),), where="f:3"),))
    )
    fixed = _f("x", updateable=False)
    assert _said(book, _schemas(fixed, replace(fixed, name="y"))) == [
        ("warning", "f:3", "profile: nobody can fill x: person.x (a), human.y (b) cannot be edited", "ask for another field"),
    ]
    assert _said(book, _schemas(fixed, _f("y"))) == []


def test_facts_of_companies_are_checked_too() -> None:
    industry = FieldMap(name="industry", type=FieldType.TEXT, places={("a", "firm"): Place(field="branch")}, to=frozenset())
    twin = TwinMap(kind="company", objects={"a": ("firm",)}, create_as={}, fields={"industry": industry})
    book = _book(twins={"company": twin}, score=_rule(Test(field="company.industry", op="eq", value="Shoes", where=LINE)))
    firm = ObjectSchema(object="firm", label="firm", fields={"branch": _f("branch", "picklist", options=("Hats",), restricted=True)})
    schemas = _schemas(PICK_A, PICK_B)
    schemas["a"]["firm"] = firm
    assert [(level, where) for level, where, *_ in _said(book, schemas)] == [("error", LINE)]
    del schemas["a"]["firm"]
    assert _said(book, schemas) == []


def test_options_of_crmsyncs_own_fields() -> None:
    book = _book(tracks=(Track(name="mine", stages=("mql",)),), stages=StageRules(reasons={"wrong_icp": "nurture", "bad_data": "nurture"}))
    schemas = _schemas(PICK_A, PICK_B)
    own = {
        f.name: _f(f"{f.name}__c", f.type, options=tuple(o for o in f.options if o != "bad_data"), unique=f.unique) for f in own_fields()
    }
    fields = {**schemas["a"]["person"].fields, **{f.name: f for f in own.values()}}
    schemas["a"]["person"] = replace(schemas["a"]["person"], fields=fields)
    found = [f for f in check(book, schemas, {"a": lambda name: f"{name}__c"}) if f.subject.startswith("mappings/playbook.yaml")]
    assert [(f.level, f.message) for f in found] == [
        ("error", "reason codes: person.crmsync_reason_code__c in a has no option bad_data"),
        ("error", "tracks: person.crmsync_track__c in a has no option mine"),
    ]
