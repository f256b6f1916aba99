"""The handoff package: complete, bounded, and safe against hostile text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.bodies import to_text
from crmsync.decide.handoff import HTML_LIMIT, LIMIT, as_html, complete, cut_lines, handoff_html, handoff_text, reachable, reason_line
from crmsync.decide.text import one_line, points_text
from crmsync.model.link import Signal
from crmsync.model.process import TypeRule
from crmsync.model.record import Value
from crmsync.model.verdict import GateVerdict, Reason, ScoreVerdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULE = TypeRule(type="direct_request", goal="Book a meeting")
SCORE = ScoreVerdict(
    total=82.4,
    fit=45,
    behavior=37.4,
    reasons=(Reason(rule="C-level title", points=30, source="title: CEO"), Reason(rule="Pricing", points=37.4)),
)
FACTS: dict[str, Value] = {
    "first_name": "Ada", "last_name": "Byron", "title": "CEO", "company": "Acme", "email": "ada@acme.example", "phone": "+49 30 1234567",
    "city": "Berlin", "state": None, "country": "DE", "lead_source": "Webinar", "campaign": "Spring", "crmsync_budget": "20k",
}  # fmt: skip
SIGNALS = [
    Signal(event_id="1", type="pricing_page_view", at=NOW - timedelta(hours=2), detail="https://acme.example/pricing"),
    Signal(event_id="2", type="pricing_page_view", at=NOW - timedelta(hours=1), detail="https://acme.example/pricing"),
    Signal(event_id="3", type="demo_request", at=NOW, detail="Demo form"),
    Signal(event_id="4", type="email_open", at=NOW - timedelta(days=1)),
]


def package(facts: dict[str, Value], signals: list[Signal], trigger: str = "demo_request: Demo form") -> str:
    return handoff_text(
        facts=facts,
        score=SCORE,
        signals=signals,
        type_rule=RULE,
        trigger=trigger,
        stage="sal",
        owner="rep@x.example",
        routing_reason="rule x",
    )


def test_the_whole_package() -> None:
    assert package(FACTS, SIGNALS) == (
        "CONTACT\n- Name: Ada Byron\n- Title: CEO\n- Company: Acme\n- E-mail: ada@acme.example\n- Phone: +49 30 1234567\n- Region: Berlin, DE\n\n"
        "WHY NOW\n- Trigger: demo_request: Demo form\n- MQL type: direct_request\n- Stage: sal\n- Goal: Book a meeting\n"
        "- Owner: rep@x.example (rule x)\n\n"
        "SCORE\n- 82.4 (fit +45, behavior +37.4)\n- +30 C-level title (title: CEO)\n- +37.4 Pricing\n\n"
        "SOURCE\n- Source: Webinar\n- Campaign: Spring\n\n"
        "PAGES VIEWED\n- https://acme.example/pricing\n\n"
        "FORMS AND ANSWERS\n- Budget: 20k\n- demo_request: Demo form (2026-06-01 12:00 UTC)\n\n"
        "RECENT HISTORY\n- 2026-06-01 12:00 UTC demo_request: Demo form\n- 2026-06-01 11:00 UTC pricing_page_view: https://acme.example/pricing\n"
        "- 2026-06-01 10:00 UTC pricing_page_view: https://acme.example/pricing\n- 2026-05-31 12:00 UTC email_open"
    )


def test_the_order_of_signals_does_not_matter() -> None:
    assert package(FACTS, SIGNALS[::-1]) == package(FACTS, SIGNALS)


HOSTILE = st.text(max_size=400) | st.sampled_from(
    ["a\n- Trigger: forged", "x\u2028WHY NOW", "\u202eevil", "\r\nSCORE", "\x85SOURCE", "\v\f\x1c"]
)


@given(values=st.lists(HOSTILE, min_size=4, max_size=4), many=st.integers(0, 60), trigger=HOSTILE)
def test_hostile_text_cannot_add_lines(values: list[str], many: int, trigger: str) -> None:
    def made(a: str, b: str, c: str, d: str, trigger: str) -> str:
        signals = [Signal(event_id=str(n), type=f"t{d}", at=NOW - timedelta(minutes=n), detail=f"x{n}{c}") for n in range(many)]
        return package({"first_name": f"x{a}", "company": f"x{b}", "crmsync_need": f"x{c}"}, signals, f"x{trigger}")

    text = made(values[0], values[1], values[2], values[3], trigger)
    plain = made("a", "b", "c", "d", "e")
    assert len(text) <= LIMIT
    if not text.endswith("\n…"):
        assert len(text.splitlines()) == len(plain.splitlines())
    assert {line for line in text.splitlines() if not line.startswith("- ")} <= {
        "", "CONTACT", "WHY NOW", "SCORE", "SOURCE", "PAGES VIEWED", "FORMS AND ANSWERS", "RECENT HISTORY", "…",
    }  # fmt: skip


def test_the_longest_package_is_cut_at_a_line() -> None:
    signals = [Signal(event_id=str(n), type="page_view" if n % 2 else "form", at=NOW, detail=f"{n}" + "y" * 900) for n in range(90)]
    long = dict.fromkeys((*FACTS, "website", "industry", "mobile", "crmsync_need", "crmsync_authority", "crmsync_timeline"), "z" * 900)
    text = package(dict(long), signals, "t" * 900)
    assert len(text) <= LIMIT
    assert cut_lines("aaa\nbbb\nccc", 9) == "aaa\nbbb\n…"
    assert cut_lines("aaa", 3) == "aaa"


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"email": "a@b.example"}, True),
        ({"email": "a@b"}, False),
        ({"email": "a b@c.example"}, False),
        ({"email": "a@b@c.example"}, False),
        ({"email": "a@" + "b" * 260 + ".example"}, False),
        ({"email": "nobody", "phone": "+49 30 1234"}, True),
        ({"email": None, "mobile": "0301234567"}, True),
        ({"phone": "12 34 56"}, False),
        ({"phone": 1234567}, False),
        ({}, False),
    ],
)
def test_reachable(facts: dict[str, Value], answer: bool) -> None:
    assert reachable(facts) is answer
    assert complete(facts=facts, trigger="score 62 ≥ 50", type_rule=RULE) is answer


def test_complete_needs_trigger_and_type() -> None:
    assert not complete(facts=FACTS, trigger=" ", type_rule=RULE)
    assert not complete(facts=FACTS, trigger="x", type_rule=None)


@given(st.text(max_size=300), st.integers(1, 50))
def test_one_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert one_line(line, limit) == line


def test_text_that_would_reorder_or_hide_is_taken_apart() -> None:
    assert one_line("a\u202eb\u200bc\x00d\u2066e") == "a b c d e"
    assert one_line("می\u200cخواهم") == "می\u200cخواهم"
    assert (one_line(None), one_line(5), one_line(True)) == ("", "5", "True")


def test_points_text() -> None:
    assert [points_text(p) for p in (30, -12.5, 0, 0.25, 100.04)] == ["+30", "-12.5", "+0", "+0.2", "+100"]
    assert reason_line(-25, "Unsubscribed") == "-25 Unsubscribed"


def test_a_forms_answers_stand_below_it() -> None:
    answers = ("message: Fifty\nseats", "budget: 10,000", "\u202e")
    told = package({}, [Signal(event_id="1", type="demo_request", at=NOW, detail="Contact us", answers=answers)])
    assert "FORMS AND ANSWERS\n- demo_request: Contact us (2026-06-01 12:00 UTC)\n  message: Fifty seats\n  budget: 10,000\n\n" in told
    assert told.endswith("RECENT HISTORY\n- 2026-06-01 12:00 UTC demo_request: Contact us")


# --- verified contact data --------------------------------------------------------------------------------------------------


def contact(facts: dict[str, Value], gate: GateVerdict | None) -> list[str]:
    text = handoff_text(facts=facts, score=SCORE, signals=(), type_rule=RULE, trigger="x", stage="sal", gate=gate)
    return text.partition("\n\n")[0].splitlines()[1:]


def test_h1_contact_data_says_how_far_it_is_verified() -> None:
    facts: dict[str, Value] = {"email": "ada@acme.example", "phone": "+49 30 1234567", "mobile": "12", "email_opt_out": True}
    gate = GateVerdict(
        quality="verified", issues=("The mobile number 12 is not a valid one.",), phones={"phone": "valid", "mobile": "invalid"}
    )
    assert contact(facts, gate) == [
        "- E-mail: ada@acme.example (verified, opted out: send no e-mail)",
        "- Phone: +49 30 1234567 (valid)",
        "- Mobile: 12 (not valid)",
        "- Note: The mobile number 12 is not a valid one.",
    ]
    assert contact(facts, None)[0] == "- E-mail: ada@acme.example (opted out: send no e-mail)"
    assert contact({"email": "a@b.example"}, GateVerdict(quality="unknown")) == ["- E-mail: a@b.example (not verified)"]
    assert contact({"email": "a@b"}, GateVerdict(quality="invalid", issues=("The e-mail address is not\nvalid.",))) == [
        "- E-mail: a@b (not valid)", "- Note: The e-mail address is not valid."
    ]  # fmt: skip


# --- HTML -------------------------------------------------------------------------------------------------------------------


def test_h1_the_package_as_html_says_the_same() -> None:
    answers = ("message: Fifty seats",)
    signals = [*SIGNALS, Signal(event_id="5", type="form", at=NOW, detail="Contact us", answers=answers)]
    made = {"facts": FACTS, "score": SCORE, "signals": signals, "type_rule": RULE, "trigger": "x", "stage": "sal"}
    html, text = handoff_html(**made), handoff_text(**made)  # type: ignore[arg-type]
    assert html.startswith("<div><strong>CONTACT</strong></div><ul><li>Name: Ada Byron</li>")
    assert '<li><a href="https://acme.example/pricing">https://acme.example/pricing</a></li>' in html
    assert "<li>form: Contact us (2026-06-01 12:00 UTC)<br>message: Fifty seats</li>" in html
    assert to_text(html) == text
    assert "style" not in html


@given(
    values=st.lists(
        HOSTILE | st.sampled_from(["<script>alert(1)</script>", "</ul>", "&amp;", '" onclick="x', "https://a.example/&&&"]),
        min_size=4,
        max_size=4,
    )
)
def test_hostile_text_stays_text_in_html(values: list[str]) -> None:
    text = package({"first_name": values[0], "company": values[1], "crmsync_need": values[2]}, SIGNALS, f"x{values[3]}")
    html = as_html(f"Call first.\n\n{text}")
    assert set(re.findall(r"<(/?[a-z]+)", html)) <= {
        "p",
        "/p",
        "div",
        "/div",
        "strong",
        "/strong",
        "ul",
        "/ul",
        "li",
        "/li",
        "br",
        "a",
        "/a",
    }
    assert re.findall(r"<(?!a )[a-z]+ ", html) == []
    assert html.count("<strong>") <= 7


def test_the_longest_html_fits() -> None:
    lines = "\n".join(f"- https://acme.example/?{'&' * 300}" for _ in range(25))
    short, long = as_html(f"PAGES VIEWED\n{lines}"), as_html(f"PAGES VIEWED\n{lines}\n{lines}")
    assert ("cut by crmsync" in short, "cut by crmsync" in long) == (len(lines) * 10 > HTML_LIMIT, True)
    assert max(len(short), len(long)) <= HTML_LIMIT + 100
