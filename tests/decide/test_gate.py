"""The data gate on decisions alone: V1 (form, kind and domain of an address, bounces, phones by country), V2 (a provider's word), L10."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.condition import Lists
from crmsync.decide.country import country_name, country_of
from crmsync.decide.gate import INVALID, RISKY, UNKNOWN, VERIFIED, _judged, address_of, check, phone_state
from crmsync.decide.reach import reached
from crmsync.model.link import Signal
from crmsync.model.process import GateRules, TypeRule
from crmsync.model.verdict import GateVerdict

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RULES = GateRules(roles=frozenset({"info", "sales", "noreply"}))
LISTS = Lists(disposable=frozenset({"mailinator.com"}), free=frozenset({"gmail.com", "mailinator.com"}))
PHONE = "+49 30 12345678"


def verdict(facts: dict[str, Any], *signals: Signal, mx: bool | None = True, provider: str | None = None, **more: Any) -> GateVerdict:
    return check(facts, signals, more.get("rules", RULES), LISTS, mx=mx, provider=provider, now=NOW)


def quality(email: object, *signals: Signal, **more: Any) -> str:
    return verdict({"email": email}, *signals, **more).quality


def happened(type: str, days_ago: float, detail: str = "") -> Signal:
    return Signal(event_id=f"{type}{days_ago}{detail}", type=type, at=NOW - timedelta(days=days_ago), detail=detail)


# --- V1: the form of an address ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("ann@acme.example", "acme.example"),
        ("  Ann@ACME.Example ", "acme.example"),
        ("ann+spring@acme.com", "acme.com"),
        ("o'hara@acme.com", "acme.com"),
        ("a.b_c-d%e@sub.acme.co.uk", "sub.acme.co.uk"),
        ('"ann b"@acme.com', "acme.com"),
        ('"a@b"@acme.com', "acme.com"),
        ("josé@acme.com", "acme.com"),
        ("jürgen@exämple.de", "xn--exmple-cua.de"),
        ("用户@例え.jp", "xn--r8jz45g.jp"),
        ("иван@почта.рф", "xn--80a1acny.xn--p1ai"),
        ("ann@xn--exmple-cua.de", "xn--exmple-cua.de"),
        (f"{'a' * 64}@acme.com", "acme.com"),
    ],
)
def test_v1_odd_addresses_that_are_right(email: str, domain: str) -> None:
    found = address_of(email)
    assert found is not None
    assert (found.problem, found.domain) == ("", domain)
    assert quality(email) == VERIFIED


@pytest.mark.parametrize(
    "email",
    [
        "ann", "@acme.com", "ann@", "ann@@acme.com", "ann@acme", "ann@localhost", "ann@acme..com", "ann@.acme.com", "ann.@acme.com", ".ann@acme.com",
        "a..b@acme.com", "ann b@acme.com", "ann@ acme.com", "ann@acme_x.com", "ann@-acme.com", "Ann <ann@acme.com>", "ann@acme.com, bob@acme.com",
        "ann@[192.168.0.1]", "ann@127.0.0.1", "ann@acme.test", "ann@acme.local", "ann@acme.com.invalid", "ann@acme.com\u202e", "ann@acme.com\x00",
        "mailto:ann@acme.com?subject=x y", f"{'a' * 300}@acme.com", f"ann@{'a' * 64}.com", "x" * 1_000_000, '"ann@acme.com', "n/a", 42, True,
    ],
)  # fmt: skip
def test_v1_addresses_to_which_no_mail_can_go(email: object) -> None:
    found = verdict({"email": email, "phone": PHONE, "country": "DE"})
    assert found.quality == INVALID
    assert found.issues[0].startswith("The e-mail address is not valid: ")
    assert all(len(issue) < 255 and issue.isprintable() for issue in found.issues)
    assert found.reachable, "there is a phone number"


LOCALS = st.text("ab.+-_'\"@ ü\\(", max_size=12) | st.from_regex(r"[a-z]{1,70}(\+[a-z]{0,3})?", fullmatch=True)
DOMAINS = st.sampled_from(["acme.com", "a.b.co.uk", "acme", "exämple.de", "-a.com", "acme.test", "xn--a.com", "", "a..b", "a.b@c.com"])


@given(local=LOCALS, domain=DOMAINS)
def test_v1_the_short_way_says_what_the_library_says(local: str, domain: str) -> None:
    text = f"{local}@{domain}".strip().lower()
    found, whole = address_of(text), _judged(text)
    assert found is not None
    assert bool(found.problem) == bool(whole.problem), text
    if not found.problem:
        assert found == whole


# --- V1: kind and domain ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "mx", "expected", "word"),
    [
        ("ann@acme.com", True, VERIFIED, ""),
        ("ann@acme.com", None, UNKNOWN, ""),
        ("ann@acme.com", False, INVALID, "takes no mail"),
        ("ann@gmail.com", True, VERIFIED, ""),
        ("ann@mailinator.com", True, RISKY, "disposable"),
        ("ann@eu.mailinator.com", None, RISKY, "disposable"),
        ("ann@notmailinator.com", True, VERIFIED, ""),
        ("info@acme.com", True, RISKY, "role's mailbox"),
        ("INFO+spring@acme.com", True, RISKY, "role's mailbox"),
        ("infos@acme.com", True, VERIFIED, ""),
        ("sales@mailinator.com", False, INVALID, "takes no mail"),
    ],
)
def test_v1_disposable_and_role_addresses_and_the_domain(email: str, mx: bool | None, expected: str, word: str) -> None:
    found = verdict({"email": email}, mx=mx)
    assert found.quality == expected
    assert (word in found.issues[0]) if word else not found.issues


def test_v1_what_the_playbook_turns_off_does_not_count() -> None:
    assert quality("ann@mailinator.com", rules=GateRules(disposable=False)) == VERIFIED
    assert quality("info@acme.com", rules=GateRules()) == VERIFIED
    assert quality("ann@acme.com", mx=False, rules=GateRules(mx=False)) == UNKNOWN


def test_v1_issues_come_worst_first() -> None:
    found = verdict(
        {"email": "info@mailinator.com", "phone": "12"}, happened("email_bounce", 3, "UNKNOWN_USER"), mx=False, provider=INVALID
    )
    words = ["provider", "bounced", "takes no mail", "disposable", "role", "phone number 12 is not a valid one"]
    assert len(found.issues) == len(words)
    assert all(word in issue for word, issue in zip(words, found.issues, strict=True))


# --- V1: bounces ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ([happened("email_bounce", 3, "UNKNOWN_USER")], INVALID),
        ([happened("email_bounce", 3)], INVALID),
        ([happened("email_bounce", 3), happened("email_open", 2)], VERIFIED),
        ([happened("email_bounce", 3), happened("email_open", 4)], INVALID),
        ([happened("email_bounce", 3), happened("page_view", 2)], INVALID),
        ([happened("email_open", 2), happened("email_bounce", 9), happened("email_bounce", 1)], INVALID),
        ([happened("email_bounce", 3, "SPAM")], RISKY),
        ([happened("email_bounce", 3, "mailbox_full")], RISKY),
        ([happened("email_bounce", 3, "550 no such user <old@former.example>")], VERIFIED),
        ([happened("email_bounce", 3, "550 no such user <Ann@acme.com>")], INVALID),
        ([happened("email_bounce", -0.01)], INVALID),
        ([happened("email_bounce", -300)], VERIFIED),
    ],
)
def test_v1_recorded_bounces(signals: list[Signal], expected: str) -> None:
    assert quality("ann@acme.com", *signals) == expected
    assert quality("ann@acme.com", *reversed(signals)) == expected


def test_v1_a_bounce_of_a_former_address_does_not_count() -> None:
    bounce, facts = happened("email_bounce", 3, "UNKNOWN_USER"), {"email": "ann@acme.com"}
    for days, expected in ((4, INVALID), (3, INVALID), (2, VERIFIED)):
        found = check(facts, [bounce], RULES, LISTS, mx=True, now=NOW, since=NOW - timedelta(days=days))
        assert found.quality == expected


def test_v1_a_bounce_outweighs_a_provider_that_said_yes() -> None:
    assert quality("ann@acme.com", happened("email_bounce", 3), provider=VERIFIED) == INVALID


# --- V2 on decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "provider", "mx", "expected"),
    [
        ("ann@acme.com", VERIFIED, None, VERIFIED),
        ("ann@acme.com", RISKY, True, RISKY),
        ("ann@acme.com", INVALID, True, INVALID),
        ("ann@acme.com", UNKNOWN, True, VERIFIED),
        ("ann@acme.com", UNKNOWN, None, UNKNOWN),
        ("ann@acme.com", VERIFIED, False, INVALID),
        ("info@acme.com", VERIFIED, True, RISKY),
        ("not one", VERIFIED, True, INVALID),
    ],
)
def test_v2_the_providers_word(email: str, provider: str, mx: bool | None, expected: str) -> None:
    assert quality(email, provider=provider, mx=mx) == expected


# --- V1: phones -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "number", "expected"),
    [
        ("Germany", "030 12345678", "valid"),
        ("DE", "(0)170 / 1234567", "valid"),
        ("deu", "0049 30 12345678", "valid"),
        ("Deutschland", "49 30 12345678", "valid"),
        ("Germany", "110", INVALID),
        ("Germany", "030", INVALID),
        ("France", "06 12 34 56 78", "valid"),
        ("Frankreich", "06 12 34 56 7", INVALID),
        ("USA", "415-555-2671", "valid"),
        ("United States of America", "1-800-FLOWERS", "valid"),
        ("U.S.", "(415) 555-2671 ext. 12", "valid"),
        ("Vereinigte Staaten", "415 555 26711", INVALID),
        ("UK", "020 7946 0000", "valid"),
        ("England", "07400 123456", "valid"),
        ("Italia", "02 1234567", "valid"),
        ("Österreich", "01 5324567", "valid"),
        ("日本", "03-1234-5678", "valid"),
        ("Germany", "+1 415 555 2671", "valid"),
        ("United States", "011 49 30 12345678", "valid"),
        ("United States", "0049 30 12345678", "valid"),
        (None, "+4930 12345678", "valid"),
        (None, "0049 30 12345678", "valid"),
        (None, "＋４９ 30 12345678", "valid"),
        (None, "030 12345678", UNKNOWN),
        ("Atlantis", "030 12345678", UNKNOWN),
        (None, "12345", INVALID),
        (None, "n/a", INVALID),
        (None, "9" * 40, INVALID),
        ("US", "+1 999 000 0000", INVALID),
    ],
)
def test_v1_phones_by_country(country: str | None, number: str, expected: str) -> None:
    found = verdict({"email": "not one", "phone": number, "country": country})
    assert found.phones == {"phone": expected}
    assert found.reachable is (expected != INVALID)
    assert any("phone number" in issue for issue in found.issues) is (expected != "valid")


def test_v1_a_phone_without_a_country_takes_the_playbooks() -> None:
    at_home = GateRules(region="DE")
    assert verdict({"mobile": "0170 1234567"}, rules=at_home).phones == {"mobile": "valid"}
    assert verdict({"mobile": "0170 1234567", "country": "France"}, rules=at_home).phones == {"mobile": INVALID}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Germany", "DE"), ("  GERMANY ", "DE"), ("de", "DE"), ("DEU", "DE"), ("Allemagne", "DE"), ("Alemania", "DE"), ("ドイツ", "DE"), ("Германия", "DE"),
        ("U.S.A.", "US"), ("Etats Unis", "US"), ("The Netherlands", "NL"), ("Pays-Bas", "NL"), ("Holland", "NL"), ("UK", "GB"), ("Schottland?", None),
        ("Korea, Republic of", "KR"), ("Viet Nam", "VN"), ("Côte d’Ivoire", "CI"), ("Turkiye", "TR"), ("Türkiye", "TR"), ("Curaçao", "CW"),
        ("España", "ES"), ("Espana", "ES"), ("Georgia", "GE"), ("Niger", "NE"), ("Nigeria", "NG"), ("", None), ("Europe", None), (7, None), (None, None),
    ],
)  # fmt: skip
def test_v1_countries_as_crms_have_them(text: Any, code: str | None) -> None:
    assert country_of(text) == code


def test_no_name_stands_for_two_countries() -> None:
    from crmsync.decide import country

    told: dict[str, str] = {}
    for code, long, names in country._rows():
        assert (len(code), len(long)) == (2, 3)
        for name in (code, long, *names):
            assert told.setdefault(country._fold(name), code) == code, name
    assert len(country._rows()) > 240
    assert country_name("DE") == "Germany"


# --- G1 on decisions ---------------------------------------------------------------------------------------------------------

MAIL = TypeRule(type="content_download", channel="email", action="E-mail first")
PHONE_RULE = TypeRule(type="direct_request", channel="call", action="Call now")
BOTH = TypeRule(type="pre_qualified", channel="call", action="Call and e-mail")
BROWSER = TypeRule(type="browser", channel="email", action="Add to an e-mail campaign, no call")
OUT = {"email": "ann@acme.com", "email_opt_out": True}


@pytest.mark.parametrize(
    ("rule", "facts", "channel", "action"),
    [
        (MAIL, {"email": "ann@acme.com"}, "email", "E-mail first"),
        (MAIL, {**OUT, "phone": PHONE}, "call", "Call, no e-mail (they opted out)"),
        (MAIL, OUT, "other", "Reach out, no e-mail (they opted out)"),
        (MAIL, {**OUT, "phone": "12"}, "other", "Reach out, no e-mail (they opted out)"),
        (MAIL, {**OUT, "email_opt_out": False}, "email", "E-mail first"),
        (MAIL, {"email": "not one", "phone": PHONE}, "call", "Call, no e-mail (the address takes none)"),
        (MAIL, {"phone": PHONE}, "call", "Call, no e-mail (no address)"),
        (PHONE_RULE, OUT, "call", "Call now"),
        (PHONE_RULE, {"email": "not one"}, "call", "Call now"),
        (BOTH, {**OUT, "phone": PHONE}, "call", "Call, no e-mail (they opted out)"),
        (BOTH, {"email": "ann@acme.com"}, "call", "Call and e-mail"),
        (BROWSER, {**OUT, "phone": PHONE}, "other", "Reach out, no e-mail (they opted out)"),
    ],
)
def test_g1_nobody_who_opted_out_is_e_mailed(rule: TypeRule, facts: dict[str, Any], channel: str, action: str) -> None:
    found = reached(rule, facts, verdict(facts))
    assert (found.channel, found.action) == (channel, action)
    assert (found.type, found.respond_minutes) == (rule.type, rule.respond_minutes)
    if facts.get("phone") != "12" and facts.get("email") != "not one":
        assert reached(rule, facts, None) == found


# --- L10 --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "expected", "reachable"),
    [
        ({}, INVALID, False),
        ({"email": "", "phone": None}, INVALID, False),
        ({"phone": PHONE}, UNKNOWN, True),
        ({"phone": "123"}, INVALID, False),
        ({"phone": "123", "mobile": PHONE}, UNKNOWN, True),
        ({"email": "not one"}, INVALID, False),
        ({"email": "not one", "phone": "12"}, INVALID, False),
        ({"email": "not one", "mobile": PHONE}, INVALID, True),
        ({"email": "ann@mailinator.com"}, RISKY, True),
        ({"email": "ann@acme.com", "phone": "12"}, VERIFIED, True),
    ],
)
def test_l10_who_can_be_handed_off(facts: dict[str, Any], expected: str, reachable: bool) -> None:
    found = verdict(facts)
    assert (found.quality, found.reachable) == (expected, reachable)


def test_hostile_values_never_raise_and_stay_on_one_line() -> None:
    for value in (
        "\ud800@x.com",
        "\n\nCONTACT\n- x@y.com",
        "a" * 10_000,
        -1,
        1e308,
        float("nan"),
        False,
        "٠٣٠١٢٣٤٥٦٧٨",
        "+" * 300,
        "<script>@x.com",
    ):
        found = verdict({"email": value, "phone": value, "mobile": value, "country": value}, mx=None)
        assert all("\n" not in issue and len(issue) < 255 for issue in found.issues)
    assert phone_state("٠٣٠١٢٣٤٥٦٧٨", "DE") == "valid"
