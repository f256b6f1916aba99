"""What an inbound e-mail says by its form alone: one digit of the break-up e-mail (process.md C4), or that nobody is in the office (C5).

Everything here is a stranger's text: it is only looked at, in bounded pieces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from crmsync.decide.reply_dates import back_on
from crmsync.model.followup import ReplyRule
from crmsync.model.record import Fields, Value

__all__ = ["OUT_OF_OFFICE", "REPLIES", "REPLY", "auto_reply", "back_on", "digit_of", "meaning", "reply_detail", "reply_signals"]

REPLY, OUT_OF_OFFICE = "email_reply", "out_of_office"
DIGITS = "123456789"
REPLIES = frozenset({REPLY, *(f"reply_{digit}" for digit in DIGITS)})
"""Signals of somebody who answered themselves."""
LONGEST, LINE, LINES = 4_000, 300, 80
"""Characters of a body, characters of a line, and lines that are looked at."""

_PREFIX = re.compile(r"(?:re|aw|wg|sv|vs|antw|rv|res|r|odp|ynt|fw|fwd|tr|回复|回覆|答复)(?:\[\d{1,2}\])?\s?[:：]\s*", re.IGNORECASE)
"""What mail programs put before the subject of an answer."""
_HEADER = re.compile(
    r"-{3,}\s*(?:original|ursprüngliche|message d'origine|mensaje original|messaggio originale|oorspronkelijk|mensagem original)|_{10,}$"
    r"|(?:from|von|de|da|van|från|fra)\s?:\s.*(?:@|<|\[)",
    re.IGNORECASE,
)
"""Where the mail begins that is answered, when it is not marked line by line."""
_WROTE = re.compile(
    r"(?:on|am|le|el|il|op|em|den|dne|w dniu)\s.{1,250}\s(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|napsal|napisał)\b.{0,120}:$",
    re.IGNORECASE,
)
_LEAD = re.compile(r"(?:on|am|le|el|il|op|em|den|dne|w dniu)\s", re.IGNORECASE)
_WORDS: dict[str, tuple[str, ...]] = {
    "1": ("next quarter", "nächstes quartal", "le trimestre prochain", "prochain trimestre", "el próximo trimestre", "próximo trimestre"),
    "2": (
        "went another way",
        "we went another way",
        "anders entschieden",
        "wir haben uns anders entschieden",
        "autre choix",
        "otra opción",
    ),
    "3": ("stop", "please stop", "stopp", "bitte stopp", "arrêter", "parar"),
}
"""What the options say, as people repeat them."""
_PICK = re.compile(r"([1-9])\s?[.):,-]?\s*(.*)", re.DOTALL)

_AUTOMATIC = re.compile(
    r"auto(?:matic|mated)?[ -]?(?:reply|response)|out[ -]of[ -](?:the[ -])?office|ooo\b|on (?:annual |parental |maternity |paternity |sick )?(?:leave|vacation|holiday)\b"
    r"|automatische antwort|abwesenheits(?:notiz|assistent|meldung|nachricht)|abwesend\b|abwesenheit\b|nicht im büro"
    r"|réponse automatique|absence du bureau|absente?\b.{0,20}bureau|message d'absence"
    r"|respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori (?:sede|ufficio)"
    r"|resposta automática|fora do escritório|ausência|automatisch antwoord|afwezig"
    r"|automatyczna odpowied|poza biurem|autosvar|automatiskt? svar|frånvaro|ikke på kontoret|automaattinen vastaus|poissa"
    r"|automatická odpověď|otomatik yanıt|автоматический ответ|自動応答|自動返信|不在|自动回复|自動回覆",
    re.IGNORECASE,
)
"""How the subject of an automatic answer begins."""
_ABSENT = re.compile(
    r"\b(?:i am|i'm|i will be|i'll be)\b.{0,30}\b(?:out of (?:the )?office|on (?:\w+ )?leave|on (?:vacation|holiday)|away from (?:the office|my desk)|travell?ing)"
    r"|\b(?:out of (?:the )?office) (?:until|till|from|and|with)"
    r"|\bich bin\b.{0,60}(?:nicht im büro|nicht im haus|außer haus|im urlaub|abwesend|nicht erreichbar)|\b(?:bis|ab)\b.{0,40}\babwesend\b"
    r"|\bje suis\b.{0,40}(?:absente?|en congés?|en vacances)|\bestoy\b.{0,30}(?:fuera de (?:la )?oficina|ausente|de vacaciones)"
    r"|\bestaré\b.{0,30}(?:fuera|ausente)|\bsono\b.{0,30}(?:fuori ufficio|fuori sede|assente|in ferie)|\bsarò\b.{0,30}(?:fuori|assente)"
    r"|\b(?:estou|estarei)\b.{0,30}(?:fora|ausente|de férias)|\b(?:ik ben|ben ik)\b.{0,40}(?:afwezig|niet aanwezig|op vakantie)",
    re.IGNORECASE | re.DOTALL,
)
"""What the text of one says."""
_FORMAL = re.compile(
    r"automat|auto-?reply|limited (?:access|availability)|no access|urgent|in case of|in (?:my|meiner) ab(?:sence|wesenheit)|in my absence|upon my return|when i (?:return|get back)"
    r"|thank(?:s| you) for (?:your|the) (?:e-?mail|message)|vielen dank für ihre|dringend|nach meiner rückkehr|weitergeleitet|not be forwarded|en cas d'urgence|à mon retour|merci pour votre"
    r"|gracias por su|urgente|a mi regreso|al mio rientro|grazie per|obrigad[oa] pelo|dringende|bij terugkomst|bedankt voor uw",
    re.IGNORECASE,
)
"""What people write for everybody and not to one."""


def reply_signals(facts: Fields) -> tuple[str, ...]:
    """The signals of an e-mail of these facts (subject, body, direction): none of one that is not inbound; `out_of_office` alone of an automatic answer; else
    `email_reply`, and with it `reply_1` ... when it is the one-digit reply."""
    if facts.get("direction") != "inbound":
        return ()
    subject, body = facts.get("subject"), facts.get("body")
    if auto_reply(subject, body):
        return (OUT_OF_OFFICE,)
    digit = digit_of(subject, body)
    return (REPLY,) if digit is None else (REPLY, f"reply_{digit}")


def reply_detail(facts: Fields, at: datetime) -> str:
    """What to remember of an inbound e-mail of that moment (UTC): of an automatic answer the day of return when it can be read ("back 2026-12-03"), else its
    subject, at most 200 characters."""
    subject = _text(facts.get("subject"))
    if auto_reply(subject, facts.get("body")):
        back = back_on(f"{subject}\n{_own(facts.get('body'))}", at)
        if back is not None:
            return f"back {back:%Y-%m-%d}"
    return subject[:200]


def digit_of(subject: Value, body: Value) -> str | None:
    """The digit of a one-digit reply, None of any other. The first line that is neither blank nor quoted has to be the digit, with a full stop or bracket and
    the words of that option or without, or these words alone. A reply without any text of its own may have it as its subject."""
    line = next(iter(_lines(body)), "")
    return _picked(line) if line else _picked(_bare(_text(subject)))


def meaning(digit: str | None, replies: Iterable[ReplyRule]) -> ReplyRule | None:
    """What that digit means to the admin; None when it means nothing."""
    return next((rule for rule in replies if rule.digit == digit), None)


def auto_reply(subject: Value, body: Value) -> bool:
    """Whether a machine answered because somebody is away. Its subject begins so; or its text says so, and under the subject of an answer also as one
    writes to everybody: a person who tells about their week is no machine."""
    title = _text(subject)[:LINE]
    if _AUTOMATIC.match(title.lstrip("[(*- ")):
        return True
    own = _own(body)[:800]
    if not _ABSENT.search(own):
        return False
    return _PREFIX.match(title) is None or _FORMAL.search(own) is not None


def _picked(line: str) -> str | None:
    text = line.strip("*_'\" \t.!").rstrip(")").strip().casefold()
    for digit, words in _WORDS.items():
        if text in words:
            return digit
    found = _PICK.fullmatch(text)
    if found is None:
        return None
    digit, rest = found[1], found[2].strip("*_'\" \t.!)-")
    return digit if not rest or rest in _WORDS.get(digit, ()) else None


def _bare(subject: str) -> str:
    """The subject without what mail programs put before it."""
    for _ in range(5):
        found = _PREFIX.match(subject)
        if found is None:
            break
        subject = subject[found.end() :].strip()
    return subject


def _own(body: Value) -> str:
    return "\n".join(_lines(body))


def _lines(body: Value) -> list[str]:
    """The lines of a body that its sender wrote: neither blank nor quoted, and nothing of their signature."""
    lines = [line.strip()[:LINE] for line in _text(body).splitlines()[:LINES]]
    found: list[str] = []
    skip = -1
    for place, line in enumerate(lines):
        if place <= skip or not line or line.startswith((">", "|")):
            continue
        if line in ("--", "—", "__") or _HEADER.match(line):
            break
        both = f"{line} {lines[place + 1]}" if place + 1 < len(lines) and _LEAD.match(line) else line
        if _WROTE.match(line) or _WROTE.match(both):
            skip = place if _WROTE.match(line) else place + 1
            if not _quoted_next(lines, skip + 1):
                break
            continue
        found.append(line)
    return found


def _quoted_next(lines: Sequence[str], place: int) -> bool:
    """Whether what follows is marked line by line: then an answer may stand below it."""
    return next((line for line in lines[place:] if line), "").startswith((">", "|"))


def _text(value: Value) -> str:
    """Bounded plain text: full-width digits and enclosing marks as plain ones, without what nobody sees."""
    text = unicodedata.normalize("NFKC", str(value)[:LONGEST]) if value is not None else ""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cf", "Me", "Mn", "Cc")).replace("’", "'").strip()
