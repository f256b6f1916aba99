"""The compliance report's numbers (process.md A9), worked out by hand; and that its groups add up, whatever happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.decide.disposition import Judgement, Said
from crmsync.insight.compliance import (
    BY,
    BY_TURNS,
    POOL,
    REASON,
    REP,
    SOURCE,
    TEAM,
    TYPE,
    WEEK,
    Compliance,
    Measure,
    Weeks,
    bars,
    compliance,
    percentile,
    standing,
)
from crmsync.insight.leads import UNANSWERED, Closing, Lead, Mark, Turn, leads_of, reason_of
from crmsync.insight.share import interval
from crmsync.model.link import StageEntry
from crmsync.model.work import BREACHED, ENDED, MET, RESPONSE
from crmsync.service.report_table import as_csv, as_json, harmless
from crmsync.service.report_text import MOST, as_message, as_text, between, days, percent, span
from crmsync.store.codec import micros
from crmsync.store.obligations import OPEN, Obligation, Promised, Tally

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = MONDAY + 20 * DAY
ANN, BO = "ann@acme.example", "bo@acme.example"


def clock(
    person: str, at: datetime = MONDAY, owner: str | None = ANN, *, due: datetime | None = None, breached: datetime | None = None,
    met: datetime | None = None, ended: datetime | None = None, used: float | None = None, late: bool = False, type: str = "browser",
    source: str = "Web", pool: str = "default",
) -> Promised:  # fmt: skip
    def moment(given: datetime | None) -> int | None:
        return None if given is None else micros(given)

    return Promised(
        person_id=person, started_at=micros(at), owner=owner, pool=pool, mql_type=type, source=source, due_at=moment(due or at + 4 * HOUR),
        breached_at=moment(breached), late=int(late), met_at=moment(met), ended_at=moment(ended or met), used=used,
    )  # fmt: skip


def touch(person: str, at: datetime, channel: str = "call", task: str = "") -> Mark:
    return person, micros(at), channel, task


def out(at: datetime, stage: str, cause: str) -> StageEntry:
    return StageEntry(stage=stage, previous="sal", at=at, cause=cause, who="hand")


def leads(
    clocks: Sequence[Promised], *, passed: Sequence[tuple[str, datetime]] = (), touches: Sequence[Mark] = (),
    ways: dict[str, list[StageEntry]] | None = None, end: datetime = NOW,
) -> list[Lead]:  # fmt: skip
    moved = {(person, micros(at)) for person, at in passed}
    return leads_of(clocks=sorted(clocks, key=lambda c: c.started_at), passed_on=moved, touches=touches, ways_out=ways or {}, end=end)


def report(found: Sequence[Lead], **more: Any) -> Compliance:
    given: dict[str, Any] = {
        "tallies": (), "still_open": (), "at_risk": frozenset(), "names": {}, "teams": {}, "start": MONDAY, "end": NOW, "now": NOW, "zone": UTC,
        "min_touches": 8,
    }  # fmt: skip
    return compliance(leads=found, **{**given, **more})


def group(made: Compliance, by: str, key: str) -> Measure:
    return next(one.measure for one in made.groups[by] if one.key == key)


# --- leads and turns --------------------------------------------------------------------------------------------------------


def passed_to_bo() -> list[Lead]:
    """Ann lets four hours pass; after two days the router gives the lead to Bo, who calls within half an hour."""
    second = MONDAY + 2 * DAY
    first = clock("p", breached=MONDAY + 4 * HOUR, ended=second, used=960.0)
    return leads([first, clock("p", second, BO, met=second + 30 * MINUTE, used=30.0)], passed=[("p", second)])


def test_a9_a_breach_counts_for_the_rep_in_whose_hands_the_clock_was() -> None:
    made = report(passed_to_bo())
    ann, bo = group(made, REP, ANN), group(made, REP, BO)
    assert (ann.count, ann.kept, ann.breached, ann.passed_on, ann.touched) == (1, 0, 1, 1, 0)
    assert (bo.count, bo.kept, bo.breached, bo.passed_on, bo.touched) == (1, 1, 0, 0, 1)
    assert (bo.median, bo.wall_median) == (30.0, 30.0)


def test_a9_a_lead_is_breached_when_any_of_its_clocks_was_and_its_time_is_that_of_all_turns() -> None:
    made = report(passed_to_bo())
    assert (made.leads.count, made.leads.kept, made.leads.breached, made.leads.passed_on) == (1, 0, 1, 1)
    assert (made.turns.count, made.turns.kept, made.turns.breached) == (2, 1, 1)
    assert made.leads.median == 990.0
    assert made.leads.wall_median == 2 * 1440 + 30.0


def test_a9_what_was_taken_away_before_it_was_due_is_no_breach_and_not_kept() -> None:
    second = MONDAY + 2 * DAY
    found = leads(
        [clock("p", due=MONDAY + 9 * DAY, ended=second, used=960.0), clock("p", second, BO, met=second + HOUR, used=60.0)],
        passed=[("p", second)],
    )
    made = report(found)
    assert (group(made, REP, ANN).undue, group(made, REP, ANN).share, group(made, REP, ANN).passed_on) == (1, None, 1)
    assert (made.leads.kept, made.leads.share) == (1, 1.0)


def test_handed_over_again_is_another_lead() -> None:
    again = MONDAY + 7 * DAY
    found = leads([clock("p", met=MONDAY + HOUR, used=60.0), clock("p", again, BO, met=again + HOUR, used=60.0)])
    assert [(lead.handed_at, len(lead.turns)) for lead in found] == [(micros(MONDAY), 1), (micros(again), 1)]


def test_what_went_on_from_before_the_period_is_left_out_and_so_is_what_began_after_it() -> None:
    later = clock("c", NOW)
    found = leads([clock("a", owner=BO), clock("b"), later], passed=[("a", MONDAY)])
    assert [lead.person_id for lead in found] == ["b"]


def test_a_turn_after_the_period_belongs_to_the_lead_of_the_period() -> None:
    second = MONDAY + 2 * DAY
    found = leads([clock("p", ended=second), clock("p", second, BO)], passed=[("p", second)], end=MONDAY + DAY)
    assert [len(lead.turns) for lead in found] == [2]


def test_a_deadline_that_passed_while_nobody_looked_is_a_breach() -> None:
    made = report(leads([clock("p", due=NOW - MINUTE), clock("q", due=NOW + MINUTE), clock("r", due=None, at=NOW - MINUTE)]))
    assert (made.leads.breached, made.leads.owing, made.leads.open) == (1, 1, 2)


# --- touches ----------------------------------------------------------------------------------------------------------------


def test_touches_count_from_the_second_of_the_handoff_until_the_lead_was_closed_each_for_its_turn() -> None:
    start = MONDAY + timedelta(milliseconds=700)
    second, closed = MONDAY + 2 * DAY, MONDAY + 5 * DAY
    made = [
        touch("p", MONDAY - timedelta(seconds=1)), touch("p", MONDAY), touch("p", second - HOUR), touch("p", second + HOUR), touch("p", closed),
        touch("p", closed + HOUR), touch("q", second),
    ]  # fmt: skip
    ways = {"p": [out(closed, "disqualified", "disposition rejected (no_budget) in a")]}
    (lead,) = leads([clock("p", start, ended=second), clock("p", second, BO)], passed=[("p", second)], touches=made, ways=ways)
    assert [turn.touches for turn in lead.turns] == [2, 2]
    assert lead.touches == 4


def test_a_task_done_and_the_same_thing_logged_are_one_touch() -> None:
    made = [touch("p", MONDAY + HOUR, task="k"), touch("p", MONDAY + HOUR + 5 * MINUTE), touch("p", MONDAY + 3 * HOUR)]
    (lead,) = leads([clock("p")], touches=made)
    assert lead.touches == 2


def test_touches_of_the_next_handoff_are_not_of_the_first() -> None:
    again = MONDAY + 7 * DAY
    found = leads(
        [clock("p"), clock("p", again)], touches=[touch("p", MONDAY + HOUR), touch("p", again + HOUR), touch("p", again + 2 * HOUR)]
    )
    assert [lead.touches for lead in found] == [1, 2]


def test_a3_minimum_effort_is_told_of_leads_given_up_unanswered() -> None:
    closed = MONDAY + 10 * DAY
    ways = {
        "few": [out(closed, "nurture", "disposition recycle (no_response) in a")],
        "many": [out(closed, "nurture", "cadence standard finished with no answer")],
        "other": [out(closed, "disqualified", "disposition rejected (wrong_icp) in a")],
    }
    made = [touch("few", MONDAY + n * HOUR) for n in range(7)] + [touch("many", MONDAY + n * HOUR) for n in range(8)]
    found = report(leads([clock(name) for name in (*ways, "working")], touches=made, ways=ways)).leads
    assert (found.closed, found.unanswered, found.enough) == (3, 2, 1)


# --- why leads were closed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Judgement(said=Said(disposition="rejected", reason="wrong_icp"), side="salesforce").cause, "wrong_icp"),
        (Judgement(said=Said(disposition="recycle", reason="no_response"), side="").cause, "no_response"),
        ("replied 2 (competitor)", "competitor"),
        ("replied 3", "replied 3"),
        ("cadence standard finished with no answer", UNANSWERED),
        ("cadence of (two) words finished with no answer", UNANSWERED),
        ("deal won: Acme (2026)", "deal won"),
        ("their deal is no longer there", "their deal is no longer there"),
        ("set by hand in a CRM", "set by hand in a CRM"),
    ],
)
def test_reasons_are_codes_where_there_are_any(cause: str, reason: str) -> None:
    assert reason_of(out(MONDAY, "nurture", cause)) == reason


def test_the_first_way_out_since_the_handoff_closed_a_lead() -> None:
    ways = {
        "p": [
            out(MONDAY - DAY, "nurture", "old"),
            out(MONDAY + DAY, "nurture", "replied 1 (bad_timing)"),
            out(MONDAY + 9 * DAY, "disqualified", "x"),
        ]
    }
    again = MONDAY + 3 * DAY
    first, second = leads([clock("p"), clock("p", again)], ways=ways)
    assert first.closing == Closing(at=MONDAY + DAY, stage="nurture", reason="bad_timing")
    assert second.closing is not None
    assert second.closing.stage == "disqualified"
    (open_still,) = leads([clock("p", MONDAY + 10 * DAY)], ways=ways)
    assert open_still.closing is None
    made = report([first, second])
    assert [one.key for one in made.groups[REASON]] == ["disqualified: x", "nurture: bad_timing"]


# --- measures ---------------------------------------------------------------------------------------------------------------


def test_percentiles_lie_between_two_values_by_proportion() -> None:
    assert percentile([10.0, 20.0, 30.0, 40.0], 0.5) == 25.0
    assert percentile([10.0, 20.0, 30.0, 40.0], 0.9) == pytest.approx(37.0)
    assert percentile([7.0], 0.9) == 7.0
    assert percentile([], 0.5) is None


def test_times_are_told_as_the_sla_counts_and_around_the_clock() -> None:
    found = report(leads([clock(f"p{n}", met=MONDAY + n * HOUR, used=float(n)) for n in range(1, 12)])).leads
    assert (found.touched, found.median, found.p90, found.wall_median, found.wall_p90) == (11, 6.0, 10.0, 360.0, 600.0)


def test_two_of_five_is_not_forty_per_cent() -> None:
    found = Measure(count=6, kept=2, breached=3, open=1)
    assert found.share == 0.4
    assert found.interval == pytest.approx((0.1176, 0.7693), abs=1e-4)
    assert interval(0, 0) is None


def test_weeks_begin_on_monday_by_the_calendar_of_the_zone() -> None:
    late = micros(datetime(2026, 3, 8, 23, 30, tzinfo=UTC))
    assert Weeks(UTC).of(late) == "2026-03-02"
    assert Weeks(ZoneInfo("Europe/Berlin")).of(late) == "2026-03-09"
    assert Weeks(ZoneInfo("Asia/Kathmandu")).of(late) == "2026-03-09"


def test_who_is_in_two_teams_counts_in_both() -> None:
    made = report(leads([clock("a"), clock("b", owner=BO)]), teams={ANN: ("East", "Keys"), BO: ("East",)})
    assert [(one.key, one.measure.count) for one in made.groups[TEAM]] == [("East", 2), ("Keys", 1)]


def test_what_is_owed_now_by_rep_the_most_overdue_first() -> None:
    def owed(person: str, owner: str | None, due: datetime | None, breached: datetime | None = None) -> Obligation:
        return Obligation(person_id=person, kind=RESPONSE, started_at=MONDAY, minutes=240, owner=owner, due_at=due, breached_at=breached)

    rows = [owed("a", ANN, NOW + HOUR), owed("b", ANN, NOW + HOUR), owed("c", ANN, None), owed("d", BO, NOW - HOUR), owed("e", BO, None, NOW - DAY), owed("f", None, NOW + HOUR)]  # fmt: skip
    found = standing(rows, frozenset({("b", MONDAY)}), {ANN: "Ann Abel"}, NOW)
    assert [(one.name, one.open, one.on_time, one.at_risk, one.breached, one.paused) for one in found] == [
        (BO, 2, 0, 0, 2, 0), ("Ann Abel", 3, 1, 1, 0, 1), ("nobody", 1, 1, 0, 0, 0),
    ]  # fmt: skip


def test_clocks_of_all_kinds_are_told_with_their_window() -> None:
    rows = [
        Tally(kind="handoff", minutes=1440, working=False, stands=MET, count=8, late=0), Tally(kind="handoff", minutes=1440, working=False, stands=BREACHED, count=2, late=1),
        Tally(kind=RESPONSE, minutes=240, working=True, stands=OPEN, count=3, late=0), Tally(kind=RESPONSE, minutes=480, working=True, stands=ENDED, count=1, late=0),
    ]  # fmt: skip
    handoff, response = report([], tallies=rows).promises
    assert (handoff.kind, handoff.minutes, handoff.working, handoff.count, handoff.kept, handoff.breached, handoff.share, handoff.late) == (
        "handoff", 1440, False, 10, 8, 2, 0.8, 1,
    )  # fmt: skip
    assert (response.minutes, response.open, response.undue, response.share, response.interval) == (None, 3, 1, None, None)


def test_bars_hold_first_touches_by_sla_time() -> None:
    made = report(
        leads(
            [
                clock("a", met=MONDAY + HOUR, used=10.0),
                clock("b", met=MONDAY + HOUR, used=10.1),
                clock("c", breached=MONDAY, met=NOW, used=5000.0),
            ]
        )
    )
    assert [(bar.upto, bar.kept, bar.breached) for bar in made.bars if bar.kept or bar.breached] == [
        (10.0, 1, 0),
        (30.0, 1, 0),
        (None, 0, 1),
    ]
    assert bars([])[0].kept == 0


# --- whatever happened ------------------------------------------------------------------------------------------------------

MOMENTS = st.integers(0, 14 * 24).map(lambda hours: MONDAY + hours * HOUR)


@st.composite
def histories(draw: st.DrawFn) -> list[Lead]:
    found: list[Lead] = []
    for number in range(draw(st.integers(0, 12))):
        at = draw(MOMENTS)
        turns = []
        for place in range(draw(st.integers(1, 3))):
            met = draw(st.none() | st.integers(0, 4000))
            one = clock(
                f"p{number}", at + place * DAY, draw(st.sampled_from([ANN, BO, None])), met=None if met is None else at + place * DAY + met * MINUTE,
                breached=draw(st.none() | st.just(at + place * DAY + HOUR)), ended=draw(st.none() | st.just(at + (place + 1) * DAY)),
                used=draw(st.none() | st.floats(0, 5000)), late=draw(st.booleans()), type=draw(st.sampled_from(["browser", "", "x"])),
                source=draw(st.sampled_from(["", "Web", "=1+1"])), pool=draw(st.sampled_from(["", "default"])),
            )  # fmt: skip
            turns.append(Turn(one, draw(st.integers(0, 20)), draw(st.booleans())))
        reason = draw(st.sampled_from(["no_response", "x", "", None]))
        found.append(Lead(f"p{number}", tuple(turns), None if reason is None else Closing(at=at, stage="nurture", reason=reason)))
    return found


ADDED = ("count", "kept", "breached", "open", "undue", "owing", "late", "touched", "touches", "passed_on", "closed", "unanswered", "enough")


@settings(max_examples=60, deadline=None)
@given(histories())
def test_groups_add_up_to_all_and_shares_are_shares(found: list[Lead]) -> None:
    made = report(found)
    for by in (WEEK, REP, POOL, TYPE, SOURCE, REASON):
        whole = made.turns if by in BY_TURNS else made.leads
        for name in ADDED:
            assert sum(getattr(one.measure, name) for one in made.groups[by]) == getattr(whole, name), (by, name)
    assert made.leads.touches == made.turns.touches
    assert made.leads.count == len(found)
    for one in (made.leads, made.turns, *(group.measure for groups in made.groups.values() for group in groups)):
        assert one.count == one.kept + one.breached + one.open + one.undue
        assert one.enough <= one.unanswered <= one.closed <= one.count
        assert one.owing <= one.breached
        if one.share is not None and one.interval is not None:
            assert 0.0 <= one.interval[0] <= one.share + 1e-9
            assert one.share - 1e-9 <= one.interval[1] <= 1.0
        if one.median is not None and one.p90 is not None:
            assert one.median <= one.p90
    assert set(made.groups) == set(BY)
    assert len(as_csv(made).splitlines()) == 2 + sum(len(groups) for groups in made.groups.values())
    assert as_json(made)["leads"]["count"] == len(found)
    assert len(as_message(made, made, MONDAY.date(), MONDAY.date())) <= MOST
    assert as_text(made)


# --- words ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(None, "–"), (0.0, "0 s"), (0.75, "45 s"), (0.999, "1 min"), (12.4, "12 min"), (59.7, "1 h"), (200.0, "3 h 20 min"), (599.0, "9 h 59 min"), (1470.0, "24 h"), (4000.0, "2.8 d")],
)  # fmt: skip
def test_spans_read_as_people_say_them(minutes: float | None, text: str) -> None:
    assert span(minutes) == text


def test_a_hundred_per_cent_is_all_and_none_is_none() -> None:
    assert [percent(share) for share in (None, 0.0, 0.004, 0.5, 0.996, 1.0)] == ["–", "0 %", "< 1 %", "50 %", "> 99 %", "100 %"]
    assert between((0.1176, 0.7693)) == "12–77 %"
    assert between(None) == ""
    first = MONDAY.date()
    assert (days(first, first), days(first, first + 6 * DAY), days(first, first + 40 * DAY)) == (
        "2 Mar 2026",
        "2–8 Mar 2026",
        "2 Mar – 11 Apr 2026",
    )


@pytest.mark.parametrize("bad", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u200b=1"])
def test_no_name_is_a_formula(bad: str) -> None:
    assert harmless(bad).startswith("'")


def test_a_name_that_is_none_stays_as_it_is() -> None:
    assert harmless("Ann – A=B + C") == "Ann – A=B + C"
    assert "\n" not in harmless("two\nlines")


def test_the_message_fits_whatever_things_are_called() -> None:
    found = leads(
        [
            clock(f"p{n}", owner=f"{'x' * 300}{n}", source=f"{'s' * 300}{n}", type=f"{'t' * 300}{n}", met=MONDAY + HOUR, used=9.0)
            for n in range(60)
        ]
    )
    text = as_message(report(found), report([]), MONDAY.date(), (MONDAY + 6 * DAY).date())
    assert len(text) <= MOST
    assert text.splitlines()[0] == "SLA 2–8 Mar 2026: 100 % (60 of 60) within the SLA"
