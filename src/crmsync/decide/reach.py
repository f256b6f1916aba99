"""By which channel a person may and can be reached: nobody who opted out is e-mailed (G1), and no mail goes to an address that takes none."""

from __future__ import annotations

from dataclasses import replace

from crmsync.decide.gate import INVALID, PHONES
from crmsync.model.process import TypeRule
from crmsync.model.record import Fields
from crmsync.model.verdict import GateVerdict

CALL, EMAIL, OTHER = "call", "email", "other"
UNCALLED = frozenset({"browser"})
"""MQL types that nobody calls (process.md section 4)."""


def reached(rule: TypeRule, facts: Fields, gate: GateVerdict | None) -> TypeRule:
    """The rule as it applies to this person. Where it says e-mail and none may or can be sent: a call, or another way where there is no phone number
    or the type is not called. An action that speaks of mail says so, too. gate: the verdict on their contact data (None: what is filled in counts)."""
    opted_out = facts.get("email_opt_out") is True
    mailable = bool(facts.get("email")) and not opted_out and (gate is None or gate.quality != INVALID)
    if mailable or (rule.channel != EMAIL and not opted_out):
        return rule
    dialable = gate.dialable if gate is not None else any(facts.get(name) for name in PHONES)
    channel = rule.channel if rule.channel != EMAIL else CALL if dialable and rule.type not in UNCALLED else OTHER
    if rule.channel == EMAIL or "mail" in rule.action.casefold():
        why = "they opted out" if opted_out else "the address takes none" if facts.get("email") else "no address"
        action = f"{'Call' if channel == CALL else 'Reach out'}, no e-mail ({why})"
    else:
        action = rule.action
    return replace(rule, channel=channel, action=action)
