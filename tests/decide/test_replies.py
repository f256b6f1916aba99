"""What an inbound e-mail says by its form: one digit, or that nobody is there. In several languages, and never by accident."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.replies import LONGEST, OUT_OF_OFFICE, REPLY, auto_reply, digit_of, meaning, reply_detail, reply_signals
from crmsync.decide.reply_dates import back_on
from crmsync.model.followup import ReplyRule
from crmsync.model.record import Value

AT = datetime(2026, 11, 20, 15, tzinfo=UTC)
QUOTED = """
On Thu, Nov 19, 2026 at 9:00 AM Rita <rita@corp.example> wrote:
> Just reply with one digit:
> 1 next quarter, 2 went another way, 3 stop
"""


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        ("1", "1"), ("  2  ", "2"), ("\n\n\t3\n", "3"), ("3.", "3"), ("3)", "3"), ("*2*", "2"), ("1 - next quarter", "1"), ("3: stop", "3"),
        ("2 went another way", "2"), ("Stop", "3"), ("STOP!", "3"), ("nächstes Quartal", "1"), ("３", "3"), ("1️⃣", "1"), ("\u200b\u00a02", "2"),
        ("3\n\nThanks,\nAnn\n-- \nAnn Acme, 12 Main Street", "3"), ("1" + QUOTED, "1"), (QUOTED + "\n2\n", "2"),
        ("> 1 next quarter, 2 went another way, 3 stop\n\n3", "3"),
        ("2\n\n-----Original Message-----\nFrom: Rita\n1 next quarter", "2"),
        ("1\n\nFrom: Rita <rita@corp.example>\nSent: today\n3 stop", "1"),
        ("3\nAm 19.11.2026 um 09:00 schrieb Rita:\n> 1", "3"),
    ],
)  # fmt: skip
def test_c4_the_digit_is_read(body: str, digit: str) -> None:
    assert digit_of("Re: Should I close your file?", body) == digit


@pytest.mark.parametrize(
    "body",
    [
        "", "   ", "30", "1st", "12", "0", "1 would be great, but call me first", "I choose 1", "1 stop", "2 next quarter", "stop calling me on Mondays",
        "3pm works", "1/2", "Hi Rita,\n\n3", QUOTED, "-----Original Message-----\n1", "From: Rita <rita@corp.example>\n3", "--\n3",
        "On Thu, Nov 19, 2026 at 9:00 AM Rita\n<rita@corp.example> wrote:\n3 stop",
    ],
)  # fmt: skip
def test_c4_what_is_more_than_a_digit_or_quoted_is_none(body: str) -> None:
    assert digit_of("Re: Should I close your file? 3", body) is None


def test_c4_without_a_text_of_its_own_the_subject_may_be_the_digit() -> None:
    assert digit_of("Re: 3", QUOTED) == "3"
    assert digit_of("Re: 3", "-----Original Message-----\nShould I close your file?") == "3"
    assert digit_of("AW: WG: 1.", None) == "1"
    assert digit_of("Re[2]: Re: stop", "") == "3"
    assert digit_of("Re: 3", "call me") is None
    assert digit_of(None, None) is None


def test_c4_what_a_digit_means_is_the_admins() -> None:
    rules = (ReplyRule(digit="1", reason="bad_timing"), ReplyRule(digit="3", opt_out=True))
    assert meaning("3", rules) == rules[1]
    assert meaning("2", rules) is meaning(None, rules) is None


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Break-up", "Auto-Reply: hello", "Out of Office: Re: hello", "[Out of the office] hello", "OOO: hello", "Automatische Antwort: Hallo",
        "Abwesenheitsnotiz: Hallo", "Réponse automatique : bonjour", "Absence du bureau", "Respuesta automática: hola", "Fuera de la oficina",
        "Risposta automatica: ciao", "Resposta automática: olá", "Automatisch antwoord: hoi", "Afwezigheidsbericht", "Automatyczna odpowiedź: cześć",
        "Autosvar: hej", "Automatisk svar: hei", "Automaattinen vastaus: moi", "自動応答: 件名", "自动回复: 你好", "Автоматический ответ: привет",
    ],
)  # fmt: skip
def test_f77_an_automatic_answer_is_known_by_its_subject(subject: str) -> None:
    assert auto_reply(subject, "Thank you.")


@pytest.mark.parametrize(
    "body",
    [
        "Thank you for your e-mail. I am currently out of the office until December 3 with limited access to e-mail.",
        "Vielen Dank für Ihre Nachricht. Ich bin bis 3. Dezember nicht im Büro. In dringenden Fällen: max@acme.example",
        "Bonjour, je suis actuellement absente du bureau. En cas d'urgence, contactez Paul.",
        "Gracias por su mensaje. Estaré fuera de la oficina hasta el 3 de diciembre.",
        "Grazie per il messaggio. Sono fuori ufficio fino al 3 dicembre.",
        "Obrigada pelo contato. Estou de férias e estarei ausente até 3 de dezembro.",
        "Bedankt voor uw bericht. Ik ben tot 3 december afwezig.",
    ],
)
def test_f77_an_automatic_answer_is_known_by_its_text(body: str) -> None:
    assert auto_reply("Re: Should I close your file?", body)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Re: hello", "I'm out of office until Monday, let's talk then. What about Tuesday at ten?"),
        ("Re: Automatic reply: hello", "Did you get my last mail?"),
        (
            "Re: hello",
            "Sounds good.\n\nOn Mon, Nov 16, 2026 Rita wrote:\n> I am out of the office, in urgent cases call Max. Automatic reply.",
        ),
        ("Re: automation", "We automate everything already."),
        ("Re: your offer", "3"),
        ("Office hours", "Our office is open from nine to five."),
        ("", ""),
        (None, None),
    ],
)
def test_f77_a_person_who_answers_is_no_machine(subject: Value, body: Value) -> None:
    assert not auto_reply(subject, body)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("back 2026-12-03", "2026-12-03"), ("I will be back on December 3rd, 2026.", "2026-12-03"), ("returning on 3 December", "2026-12-03"),
        ("out of office until December 2", "2026-12-03"), ("out until 2 Dec 2026", "2026-12-03"), ("bis einschließlich 02.12.2026", "2026-12-03"),
        ("Ich bin ab dem 3. Dezember wieder da", "2026-12-03"), ("bis 2.12. abwesend, wieder im Büro am 3.12.", "2026-12-03"),
        ("jusqu'au 2 décembre", "2026-12-03"), ("de retour le 3 décembre 2026", "2026-12-03"), ("hasta el 2 de diciembre de 2026", "2026-12-03"),
        ("fino al 2 dicembre", "2026-12-03"), ("até 2 de dezembro", "2026-12-03"), ("tot en met 2 december", "2026-12-03"),
        ("until 12/24/2026", "2026-12-25"), ("until 24/12/2026", "2026-12-25"), ("back on 12/12", "2026-12-12"), ("away until January 4", "2027-01-05"),
        ("from 21 November until 31 December 2026", "2027-01-01"),
    ],
)  # fmt: skip
def test_f77_the_day_of_return_is_read(text: str, day: str) -> None:
    found = back_on(text, AT)
    assert found is not None
    assert (f"{found:%Y-%m-%d}", found.hour, found.tzinfo) == (day, 0, UTC)


@pytest.mark.parametrize(
    "text",
    ["", "until Monday", "back soon", "until 3/4/2027", "until 31 February", "until 99.99.2026", "back on 1 March 2020", "back 2029-01-01", "Room 3 December", "until 2026-13-45"],
)  # fmt: skip
def test_f77_a_day_that_is_none_or_could_be_another_is_not_read(text: str) -> None:
    assert back_on(text, AT) is None


def test_f77_the_signals_of_an_e_mail() -> None:
    mail = {"direction": "inbound", "subject": "Re: hello", "body": "2"}
    assert reply_signals(mail) == (REPLY, "reply_2")
    assert reply_signals({**mail, "body": "call me"}) == (REPLY,)
    assert reply_signals({"direction": "inbound"}) == (REPLY,), "bodies that are not carried say nothing"
    assert reply_signals({**mail, "subject": "Automatic reply: hello"}) == (OUT_OF_OFFICE,)
    assert reply_signals({**mail, "direction": "outbound"}) == reply_signals({"body": "3"}) == ()


def test_f77_the_day_of_return_goes_with_the_signal() -> None:
    away = {"direction": "inbound", "subject": "Automatic reply: hello", "body": "I am back on 3 December."}
    assert reply_detail(away, AT) == "back 2026-12-03"
    assert back_on(reply_detail(away, AT), AT) == datetime(2026, 12, 3, tzinfo=UTC)
    assert reply_detail({**away, "body": None}, AT) == "Automatic reply: hello"
    assert reply_detail({"subject": "Re: " + "x" * 500, "body": "back 2026-12-03"}, AT) == ("Re: " + "x" * 500)[:200]


@given(
    st.one_of(st.none(), st.text(max_size=200), st.integers(), st.booleans()),
    st.one_of(st.none(), st.text(), st.floats(), st.text("0123456789 >\n.)", max_size=60)),
)
def test_a_strangers_text_never_breaks_anything(subject: Value, body: Value) -> None:
    assert digit_of(subject, body) in (None, *"123456789")
    assert reply_signals({"direction": "inbound", "subject": subject, "body": body})
    assert len(reply_detail({"subject": subject, "body": body}, AT)) <= 200


@pytest.mark.parametrize(
    "piece", ["> ", "On ", "until ", "back on 1 ", "ich bin ", "i am ", "1 ", "-", "wieder ab ", "bis zum ", "absent ", "\u0301", "von : "]
)
def test_long_hostile_texts_are_bounded(piece: str) -> None:
    text = piece * (3 * LONGEST)
    assert digit_of(text, text) is None
    assert back_on(text, AT) is None
    assert isinstance(auto_reply(text, text), bool)
