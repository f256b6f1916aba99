"""Texts for tasks (C4): what is rendered, what falls back, what blocks, and that neither a template nor a value can do anything else."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.template import BODY_LIMIT, EXTRA, SUBJECT_LIMIT, VALUE_LIMIT, known_fields, locale_of, merge_fields, render, variant_of
from crmsync.decide.template_source import FILTERS, NODES, SOURCE_LIMIT, TESTS, read_source
from crmsync.model.followup import Template
from crmsync.model.link import Signal
from crmsync.model.record import User

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LETTER = """Hello {{ first_name | title | default("there") }},

you asked about {{ company }}.
{% if answers %}
You said:
{% for line in answers %}
- {{ line }}
{% endfor %}
{% endif %}

{{ owner_name }}
"""
FULL = {"first_name": "Anna", "company": "Acme", "answers": "Need: speed\nWhen: May", "owner_name": "Rita Reed"}


def text(body: str, subject: str = "Subject", **more: tuple[str, str]) -> Template:
    return Template(name="letter", variants={"": (subject, body), **more})


def body_of(source: str, **fields: str) -> str:
    made = render(text(source), None, fields)
    assert not made.blocked, made
    return made.body


def test_c4_a_text_is_filled_in() -> None:
    made = render(text(LETTER, "For {{ company | upper }}"), None, FULL)
    assert made.subject == "For ACME"
    assert made.body == "Hello Anna,\n\nyou asked about Acme.\nYou said:\n- Need: speed\n- When: May\n\nRita Reed"
    assert (made.missing, made.blocked, made.fell_back) == ((), False, ())


def test_c4_a_missing_merge_field_falls_back_or_blocks() -> None:
    without = {name: value for name, value in FULL.items() if name not in ("first_name", "answers")}
    made = render(text(LETTER), None, without)
    assert made.body == "Hello there,\n\nyou asked about Acme.\n\nRita Reed"
    assert (made.missing, made.fell_back, made.blocked) == (("first_name", "answers"), (("first_name", "there"),), False)
    made = render(text(LETTER), None, {**FULL, "company": ""})
    assert (made.blocked, made.blocked_by, made.subject, made.body) == (True, ("company",), "", "")


def test_c4_what_a_template_needs_blocks_though_it_has_a_default() -> None:
    needy = Template(
        name="x", variants={"": ("S", "Hello {{ first_name | default('there') }}")}, needs=frozenset({"first_name", "company"})
    )
    made = render(needy, None, {"company": "Acme"})
    assert (made.blocked, made.blocked_by, made.body) == (True, ("first_name",), "")
    assert not render(needy, None, {"company": "Acme", "first_name": "Anna"}).blocked


@pytest.mark.parametrize("value", ["", " ", "\n\t", "\u200d", "\u200b\u202e", "\u3164", "\u2800 ", "\x00\x1b", "\u0301"])
def test_c4_a_value_of_which_nothing_can_be_seen_is_missing(value: str) -> None:
    made = render(text("Hello {{ first_name }},"), None, {"first_name": value})
    assert (made.blocked, made.blocked_by) == (True, ("first_name",))
    assert body_of('Hello {{ first_name | default("there") }},', first_name=value) == "Hello there,"


def test_a_default_may_be_another_field() -> None:
    source = 'Hello {{ first_name | default(company) | default("there") }}'
    assert body_of(source, company="Acme") == "Hello Acme"
    assert body_of(source) == "Hello there"
    made = render(text("{{ first_name | default(company) }}"), None, {})
    assert made.blocked_by == ("company",)


def test_filters_and_tests() -> None:
    assert body_of("{{ a | upper }} {{ a | lower }} {{ a | title }} {{ a | first_word }}", a="jean-LUC o'neil") == (
        "JEAN-LUC O'NEIL jean-luc o'neil Jean-Luc O'Neil jean-LUC"
    )
    assert body_of("{% if a is defined and b is undefined %}yes{% endif %}", a="1") == "yes"
    assert body_of("{% if country == 'DE' %}a{% elif country != 'FR' %}b{% else %}c{% endif %}", country="US") == "b"
    assert body_of("{{ 'x' if a else 'y' }}{{ 'x' if not a else 'y' }}") == "yx"
    assert body_of("{{ answers }}", answers="a: b\n\nc: d\n") == "a: b; c: d"


FORBIDDEN = {
    "a class": "{{ ''.__class__.__mro__ }}",
    "an attribute": "{{ first_name.format }}",
    "an attribute by filter": "{{ first_name | attr('__class__') }}",
    "self": "{{ self }}",
    "self's globals": "{{ self.__init__.__globals__ }}",
    "an underscore": "{{ _private }}",
    "a subscript": "{{ first_name[0] }}",
    "a call": "{{ first_name() }}",
    "lipsum": "{{ lipsum(n=1000) }}",
    "cycler": "{{ cycler }}",
    "a range": "{% for i in range(1000000000) %}x{% endfor %}",
    "a loop over a text": "{% for c in first_name %}{{ c }}{% endfor %}",
    "a loop over a constant": "{% for c in 'abc' %}{{ c }}{% endfor %}",
    "a loop in a loop": "{% for a in answers %}{% for b in answers %}x{% endfor %}{% endfor %}",
    "a loop over its own item": "{% for answers in answers %}{% for b in answers %}x{% endfor %}{% endfor %}",
    "a recursive loop": "{% for a in answers recursive %}{{ loop(answers) }}{% endfor %}",
    "a filtered loop": "{% for a in answers if a %}x{% endfor %}",
    "an unpacking loop": "{% for a, b in answers %}x{% endfor %}",
    "the loop itself": "{% for a in answers %}{{ loop.index }}{% endfor %}",
    "a macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a call block": "{% call first_name() %}x{% endcall %}",
    "an include": "{% include 'other' %}",
    "an import": "{% import 'other' as o %}",
    "a from import": "{% from 'other' import o %}",
    "extends": "{% extends 'other' %}",
    "a block": "{% block b %}{% endblock %}",
    "set": "{% set a = first_name %}",
    "with": "{% with a = first_name %}x{% endwith %}",
    "a filter block": "{% filter upper %}x{% endfilter %}",
    "autoescape": "{% autoescape true %}x{% endautoescape %}",
    "do": "{% do first_name %}",
    "repetition": "{{ 'a' * 9999999999 }}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a format": "{{ '%999999999d' % 1 }}",
    "joining": "{{ first_name ~ company }}",
    "a list": "{{ [1, 2] }}",
    "a number": "{{ 1 }}",
    "a vast number": "{{ " + "9" * 6000 + " }}",
    "another filter": "{{ first_name | center(100000000) }}",
    "a test with arguments": "{% if first_name is divisibleby(2) %}x{% endif %}",
    "an empty default": "{{ first_name | default('') }}",
    "a blank default": "{{ first_name | default('  ') }}",
    "a default without text": "{{ first_name | default }}",
    "a default with a flag": "{{ first_name | default('x', true) }}",
    "an argument where none is": "{{ first_name | upper(company) }}",
    "an open bracket": "{{ (first_name }}",
    "an open print": "{{ first_name",
    "an open if": "{% if first_name %}x",
    "deep brackets": "{{ " + "(" * 9_000 + " }}",
    "a long not": "{{ " + "not " * 4_000 + "first_name }}",
    "a long or": "{{ " + "a or " * 3_000 + "first_name }}",
    "many parts": "{{ a }}" * NODES,
    "ifs in ifs": "{% if a %}" * 40 + "x" + "{% endif %}" * 40,
    "too long": "x" * (SOURCE_LIMIT + 1),
}


@pytest.mark.parametrize("source", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_a_template_must_not_do_is_refused_and_never_run(source: str) -> None:
    found = read_source(source)
    assert found.flaws, "it was taken"
    assert found.run is None
    assert all(flaw.message and flaw.line >= 1 for flaw in found.flaws)
    made = render(text(source), None, {**FULL, "a": "x"})
    assert (made.blocked, made.subject, made.body) == (True, "", "")
    assert made.problem
    assert render(text("fine", source), None, {**FULL, "a": "x"}).problem


def test_a_flaw_tells_its_line() -> None:
    assert [flaw.line for flaw in read_source("one\ntwo {{ a.b }}\n\n{{ c() }}").flaws] == [2, 4]
    assert read_source("a\n{{ b }}\n{{ c }}").fields == {"b": 2, "c": 3}


def test_nothing_of_jinja_is_left_in_the_environment() -> None:
    from crmsync.decide import template_source

    made = template_source._environment()
    assert (made.globals, set(made.filters), set(made.tests), made.loader) == ({}, set(FILTERS), set(TESTS), None)


def test_output_is_bounded() -> None:
    vast = "{% for a in answers %}" + "{{ company }}" * 300 + "{% endfor %}"
    made = render(text(vast, "{{ company }}" * 10), None, {"company": "x" * 10_000, "answers": "y\n" * 10_000})
    assert len(made.subject) == SUBJECT_LIMIT
    assert len(made.body) == BODY_LIMIT
    assert body_of("{{ company }}", company="x" * 10_000) == "x" * (VALUE_LIMIT - 1) + "…"


def test_a_value_is_text_and_nothing_else() -> None:
    assert body_of("{{ company }}", company="{{ 7 * 7 }}{% raw %}<b>&amp;</b>") == "{{ 7 * 7 }}{% raw %}<b>&amp;</b>"
    assert body_of("A {{ company }} B", company="x\r\nSubject: y\u2028\x85z") == "A x Subject: y z B"
    assert body_of("{{ company }}", company="שלום\u202e עולם") == "שלום עולם"
    assert body_of("{{ company }}", company="شركة النور") == "شركة النور"
    assert body_of("{{ company | title }}", company="müller straße gmbh 👩\u200d💻") == "Müller Straße Gmbh 👩\u200d💻"


def test_a_text_that_comes_out_empty_is_none() -> None:
    made = render(text("body", "{% if company %}x{% endif %}"), None, {})
    assert (made.blocked, made.problem) == (True, "the subject comes out empty")
    assert render(text("{% if company %}x{% endif %}"), None, {}).problem == "the body comes out empty"
    assert render(Template(name="x", variants={}), "de", {}).problem == "the template has no text"


def test_the_variant_is_the_nearest() -> None:
    many = text("en", de=("S", "de"), **{"pt-br": ("S", "pt-br")})
    for wanted, body in (
        ("de", "de"),
        ("de_AT", "de"),
        ("DE", "de"),
        ("pt-BR", "pt-br"),
        ("pt", "en"),
        ("fr", "en"),
        (None, "en"),
        ("../x", "en"),
    ):
        assert render(many, wanted, {}).body == body, wanted
    assert variant_of(Template(name="x", variants={"fr": ("S", "f")}), "de") == "fr"


def test_the_locale_of_a_person() -> None:
    told = [
        ({"country": "Germany"}, "de"), ({"country": "AT"}, "de"), ({"country": "Schweiz"}, None), ({"country": "Brasil"}, "pt"),
        ({"country": "Belgium"}, None), ({"country": "France", "language": "English"}, "en"), ({"language": "de_AT"}, "de-at"),
        ({"language": "Deutsch"}, "de"), ({"language": "日本語"}, "ja"), ({"language": "Klingon", "country": "Italy"}, "it"),
        ({"language": "zh-CN"}, "zh-cn"), ({"language": "xx"}, None), ({"language": 7, "country": True}, None), ({}, None),
    ]  # fmt: skip
    assert [(facts, locale_of(facts)) for facts, _ in told] == told  # type: ignore[arg-type, misc]


def test_merge_fields_of_a_person() -> None:
    rita = User(side="hubspot", id="1", email="rita@example.com", name="Rita  Reed")
    signals = [
        Signal(event_id="1", type="demo_request", at=AT, detail="Demo form", answers=("Need: speed\nx", "When: May")),
        Signal(event_id="2", type="email_open", at=AT.replace(hour=10)),
    ]
    facts = {
        "first_name": "Anna",
        "employees": 250.0,
        "email_opt_out": False,
        "lead_source": "Web",
        "company": None,
        "company.name": "Acme",
        "vip": True,
    }
    made = merge_fields(facts, owner=rita, trigger="Demo form", mql_type="direct_request", signals=signals)
    assert made == {
        "first_name": "Anna", "employees": "250", "email_opt_out": "no", "lead_source": "Web", "vip": "yes", "owner_name": "Rita Reed",
        "owner_first_name": "Rita", "owner_email": "rita@example.com", "trigger": "Demo form", "mql_type": "direct_request", "source": "Web",
        "topic": "Demo form", "answers": "Need: speed x\nWhen: May",
    }  # fmt: skip
    nameless = merge_fields({}, owner=User(side="hubspot", id="1", email="rita@example.com", name=""))
    assert nameless == {"owner_name": "rita@example.com", "owner_email": "rita@example.com"}
    known = known_fields(["first_name", "owner", "email"])
    assert {"first_name", "email", "crmsync_need", "crmsync_budget", "crmsync_authority", "crmsync_timeline", *EXTRA} == set(known)


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.sampled_from(
        [
            "{{ x }}",
            "{% for i in range(9) %}",
            "a\nb",
            "\u2028",
            "\x00",
            "\ud800",
            "<script>",
            "x" * 5_000,
            "\u202eabc",
            "\r\n\r\nBcc: x",
            "#}",
        ]
    ),
    st.text(alphabet="\n\r\v\f\x1c\x85\u2028\u2029{}%# \u200b\u202e<>&'\"", max_size=80),
)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"first_name": HOSTILE, "company": HOSTILE, "owner_name": HOSTILE, "item": HOSTILE}))
def test_hostile_values_never_raise_and_never_change_how_a_text_is_built(told: dict[str, str]) -> None:
    fields = {"first_name": told["first_name"], "company": told["company"], "owner_name": told["owner_name"]}
    fields["answers"] = told["item"].replace("\n", " ")
    made = render(text(LETTER, "For {{ company }}: {{ first_name | default('you') }}"), "de", fields)
    if made.blocked:
        assert set(made.blocked_by) <= {"company", "owner_name"}
        assert set(made.blocked_by) <= set(made.missing)
        assert made.body == ""
        return
    plain = {name: value for name, value in FULL.items() if name not in made.missing}
    usual = render(text(LETTER), "de", plain | ({"answers": "one"} if "answers" in plain else {})).body
    assert [bool(line) for line in made.body.splitlines()] == [bool(line) for line in usual.splitlines()]
    assert made.body.count("\n") == usual.count("\n")
    assert made.body.startswith("Hello ")
    assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in made.body.replace("\n", "") + made.subject)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}%#|()[]'\"._-+*~ \nabcifor=endselthdru19", max_size=120))
def test_any_source_is_taken_or_refused_and_never_raises(source: str) -> None:
    found = read_source(source)
    assert (found.run is None) == bool(found.flaws)
    made = render(text(source), None, {"a": "x", "answers": "one\ntwo"})
    assert made.blocked == (made.body == "")
