"""The data gate (process.md V1, L10): what is known of a person's e-mail address and phone numbers, and whether sales can be handed them.

Pure: what only a network can tell (whether a domain takes mail, a provider's word) is looked up elsewhere and given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from crmsync.decide.condition import Lists
from crmsync.decide.country import country_name, country_of
from crmsync.decide.text import minute, one_line
from crmsync.model.link import Signal
from crmsync.model.process import GateRules
from crmsync.model.record import Fields, Value
from crmsync.model.verdict import GateVerdict

VERIFIED, RISKY, INVALID, UNKNOWN = "verified", "risky", "invalid", "unknown"
QUALITIES = (VERIFIED, RISKY, INVALID, UNKNOWN)
VALID = "valid"
"""Of a phone number, beside INVALID and UNKNOWN."""
PHONES = ("phone", "mobile")
"""House fields that hold phone numbers."""
BOUNCED = "email_bounce"
DELIVERED = frozenset({"email_open", "email_click", "email_reply"})
"""Signals that only an address that takes mail can send."""
REFUSED = frozenset({"CONTENT", "POLICY", "SPAM", "MAILBOX_FULL"})
"""Reasons of HubSpot's hard bounces that tell of the message or of the moment, not of the address."""

_LONGEST, _SHORT = 320, 200
_PLAIN = re.compile(r"([a-z0-9_'-][a-z0-9_'+-]*(?:\.[a-z0-9_'+-]+)*)@([^@\s]+)")
"""A mailbox that is right whatever its domain, when it is not too long."""
_AHEAD = timedelta(days=1)
"""Clocks differ; what is dated further in the future than this has not happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One e-mail address. text: trimmed, lower case. domain: what DNS is asked for (IDNA). local: its mailbox without a plus-tag. problem: why no
    mail can be sent to it, "" when its form is right (then the others are filled)."""

    text: str
    domain: str = ""
    local: str = ""
    problem: str = ""


def address_of(value: Value) -> Address | None:
    """The address that an e-mail field holds, None when it is empty. Unicode, plus-tags and quoted mailboxes are right; an address literal, a name
    without a dot and special-use domains (.test, .local, .invalid) are not."""
    text = value.strip().lower() if isinstance(value, str) else "" if value is None else str(value)
    return _address(text) if text else None


def check(
    facts: Fields,
    signals: Sequence[Signal],
    rules: GateRules,
    lists: Lists,
    *,
    mx: bool | None = None,
    provider: str | None = None,
    now: datetime,
    since: datetime | None = None,
) -> GateVerdict:
    """The verdict on a person's contact data at `now` (UTC). Total: odd values are found invalid, none raises.

    mx: whether the address's domain takes mail (None: not known). provider: the verification provider's word for the address (None: none). since: when
    they got this address in place of another (UTC; None: not known to have had another); a bounce before it was the other's. Worst
    first counts: a wrong form, the provider's "invalid", a hard bounce later than any mail that arrived, a domain without mail; then what makes
    an address risky; "verified" needs the provider's word or a domain that takes mail. A person without an e-mail address is "invalid" when
    no phone number is usable either, else "unknown". A phone number whose country cannot be told counts as usable from 7 digits on.
    """
    phones, bad_phones = _phones(facts, rules)
    dialable = any(state != INVALID for state in phones.values())
    address = address_of(facts.get("email"))
    if address is None:
        issues = ("No e-mail address.", *bad_phones)
        return GateVerdict(quality=UNKNOWN if dialable else INVALID, issues=issues, reachable=dialable, phones=phones)
    mine = signals if since is None else [s for s in signals if s.type != BOUNCED or s.at >= since]
    dead, doubts = _email_issues(address, mine, rules, lists, mx=mx, provider=provider, now=now)
    if dead:
        quality = INVALID
    elif doubts:
        quality = RISKY
    else:
        quality = VERIFIED if provider == VERIFIED or mx else UNKNOWN
    return GateVerdict(quality=quality, issues=(*dead, *doubts, *bad_phones), reachable=quality != INVALID or dialable, phones=phones)


def _email_issues(
    address: Address, signals: Sequence[Signal], rules: GateRules, lists: Lists, *, mx: bool | None, provider: str | None, now: datetime
) -> tuple[list[str], list[str]]:
    """(why no mail can reach it, why it may not)."""
    if address.problem:
        return [f"The e-mail address is not valid: {address.problem}"], []
    dead: list[str] = []
    doubts: list[str] = []
    if provider == INVALID:
        dead.append("The verification provider found the e-mail address invalid.")
    if (bounce := _bounce(address.text, signals, now)) is not None:
        why = one_line(bounce.detail, 60)
        told = f"E-mail bounced at {minute(bounce.at)}{f' ({why})' if why else ''}."
        (doubts if why.upper() in REFUSED else dead).append(told)
    if mx is False and rules.mx:
        dead.append(f"The domain {one_line(address.domain, 80)} takes no mail.")
    if provider == RISKY:
        doubts.append("The verification provider found the e-mail address risky.")
    if rules.disposable and _listed(address.domain, lists.disposable):
        doubts.append(f"{one_line(address.domain, 80)} gives out disposable e-mail addresses.")
    if address.local in rules.roles:
        doubts.append(f"{one_line(address.local, 60)}@ is a role's mailbox, not a person's.")
    return dead, doubts


def _bounce(address: str, signals: Sequence[Signal], now: datetime) -> Signal | None:
    """The newest hard bounce that nothing later contradicts. One that names another address was of a former one."""
    known = [s for s in signals if s.at <= now + _AHEAD and (s.type == BOUNCED or s.type in DELIVERED)]
    newest = max((s for s in known if s.type == BOUNCED and not _of_another(s, address)), key=lambda s: (s.at, s.event_id), default=None)
    if newest is None or any(s.at > newest.at for s in known if s.type in DELIVERED):
        return None
    return newest


def _of_another(signal: Signal, address: str) -> bool:
    words = [word.strip("<>()[]\"',;:.").lower() for word in signal.detail.split() if "@" in word]
    return bool(words) and address not in words


def _listed(domain: str, domains: frozenset[str]) -> bool:
    while "." in domain:
        if domain in domains:
            return True
        domain = domain.partition(".")[2]
    return False


def _address(text: str) -> Address:
    """As `_judged`. Most mailboxes are plain, and many persons have one domain: what is judged then is the domain, once."""
    plain = _PLAIN.fullmatch(text) if len(text) <= _SHORT else None
    if plain is None:
        return _judged(text)
    of = _judged(f"a@{plain[2]}")
    return Address(text=text, domain=of.domain, local=plain[1].partition("+")[0], problem=of.problem)


@lru_cache(maxsize=16_384)
def _judged(text: str) -> Address:
    from email_validator import EmailNotValidError, validate_email

    if len(text) > _LONGEST:
        return Address(text=text[:_LONGEST], problem="it is too long.")
    try:
        found = validate_email(text, check_deliverability=False, allow_quoted_local=True)
    except EmailNotValidError as error:
        return Address(text=text, problem=_lower_first(one_line(str(error), 160)))
    local = found.local_part
    if not local.startswith('"'):
        local = local.partition("+")[0]
    return Address(text=text, domain=found.ascii_domain.lower(), local=local.casefold())


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


# --- phone -----------------------------------------------------------------------------------------------------------------


def _phones(facts: Fields, rules: GateRules) -> tuple[Mapping[str, str], list[str]]:
    """(house field -> VALID, UNKNOWN or INVALID for each filled one, a sentence for each that is not VALID)."""
    found: dict[str, str] = {}
    issues: list[str] = []
    region = country_of(facts.get("country")) or rules.region
    for name in PHONES:
        value = facts.get(name)
        text = one_line(value, 60) if value is not None and not isinstance(value, bool) else ""
        if not text:
            continue
        found[name] = phone_state(text, region)
        said = "The phone number" if name == "phone" else "The mobile number"
        if found[name] == INVALID:
            issues.append(f"{said} {one_line(text, 30)} is not a valid one{f' in {country_name(region)}' if region else ''}.")
        elif found[name] == UNKNOWN:
            issues.append(f"{said} {one_line(text, 30)} could not be checked: its country is not known.")
    return found, issues


@lru_cache(maxsize=16_384)
def phone_state(text: str, region: str | None) -> str:
    """VALID, INVALID, or UNKNOWN for a number of 7 digits or more whose country is not known. region: ISO 3166 alpha-2 code of the country in which it
    would be dialled; one that begins with "+" or "00" says its own."""
    import phonenumbers

    ways = [(text, region)] if region is not None or text.startswith(("+", "＋")) else []
    if text.startswith("00"):
        ways.append((f"+{text[2:]}", None))
    for number, where in ways:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(number, where)):
                return VALID
        except phonenumbers.NumberParseException:
            continue
    if ways:
        return INVALID
    digits = sum(c.isdigit() for c in text)
    return UNKNOWN if 7 <= digits <= 17 else INVALID
