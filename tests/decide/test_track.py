"""N1: nurture tracks: entry by stage and condition, graduation, falling back, opt-out, and looks that agree with themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.condition import Lists
from crmsync.decide.track import nurtured, track, wanted_lists
from crmsync.model.condition import Happened, Test
from crmsync.model.link import PersonState, Signal, StageEntry
from crmsync.model.process import Track
from crmsync.model.record import Value
from crmsync.model.verdict import TrackVerdict

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
EDUCATION = Track(
    name="mql_education",
    stages=("mql", "nurture"),
    days=42,
    graduate=Happened(signals=("pricing_page_view",), at_least=2, within_days=14),
    lists={"hubspot": "7", "salesforce": "701A"},
)
ENABLEMENT = Track(name="sql_enablement", stages=("sql", "opportunity"), lists={"hubspot": "8"})
TRACKS = (EDUCATION, ENABLEMENT)


def at(*stages: str, first: datetime = NOW - 30 * DAY, **more: object) -> PersonState:
    entries = tuple(
        StageEntry(stage=s, previous=p, at=first + i * DAY, cause="", who="engine")
        for i, (s, p) in enumerate(zip(stages, (None, *stages), strict=False))
    )
    return PersonState(person_id="p", stages=entries, **more)  # type: ignore[arg-type]


def moved(state: PersonState, stage: str, now: datetime) -> PersonState:
    entry = StageEntry(stage=stage, previous=state.stages[-1].stage, at=now, cause="", who="hand")
    return replace(state, stages=(*state.stages, entry))


def look(
    state: PersonState,
    now: datetime = NOW,
    *,
    before: PersonState | None = None,
    facts: dict[str, Value] | None = None,
    signals: tuple[Signal, ...] = (),
    tracks: tuple[Track, ...] = TRACKS,
    start: datetime | None = None,
) -> tuple[PersonState, TrackVerdict]:
    return nurtured(before or state, state, facts or {}, signals, tracks, Lists(), now, start_from=start)


def view(days_ago: float, now: datetime = NOW) -> Signal:
    return Signal(event_id=f"v{days_ago}", type="pricing_page_view", at=now - days_ago * DAY)


def test_n1_the_stage_decides_which_track_somebody_enters() -> None:
    state, verdict = look(at("lead", "mql"))
    assert (state.track, state.track_since, verdict.changed) == ("mql_education", NOW, True)
    assert verdict.next_due_at == NOW + 42 * DAY
    assert look(at("lead"))[1] == TrackVerdict(track=None)
    assert look(at("lead", "mql", "sal", "sql"))[0].track == "sql_enablement"


def test_n1_a_condition_keeps_people_out_who_do_not_fit() -> None:
    picky = replace(EDUCATION, when=Test(field="country", op="eq", value="DE"))
    assert look(at("lead", "mql"), facts={"country": "FR"}, tracks=(picky,))[0].track is None
    inside, _ = look(at("lead", "mql"), facts={"country": "DE"}, tracks=(picky,))
    assert inside.track == "mql_education"
    assert look(inside, NOW + DAY, facts={"country": "FR"}, tracks=(picky,))[0].track == "mql_education", "only entry asks `when`"


def test_n1_a_track_ends_after_its_days_and_is_not_entered_again_before_the_stage_changes() -> None:
    inside, verdict = look(at("lead", "mql"))
    assert verdict.next_due_at is not None
    assert look(inside, verdict.next_due_at - timedelta(seconds=1))[1].changed is False
    out, verdict = look(inside, verdict.next_due_at)
    assert (out.track, out.tracks_done, verdict.changed) == (None, ("mql_education",), True)
    again, quiet = look(out, NOW + 100 * DAY)
    assert again is out
    assert not quiet.changed
    assert quiet.next_due_at is None
    recycled = moved(out, "nurture", NOW + 101 * DAY)
    entered, _ = look(recycled, NOW + 101 * DAY, before=out)
    assert (entered.track, entered.tracks_done) == ("mql_education", ())


def test_n1_the_graduation_condition_ends_a_track_and_says_what_follows() -> None:
    on = replace(EDUCATION, graduate_to="demo_invitation")
    demo = Track(name="demo_invitation", stages=("mql",), days=7, lists={"hubspot": "9"})
    inside, _ = look(at("lead", "mql"), tracks=(on, demo))
    out, verdict = look(inside, NOW + DAY, signals=(view(-0.5), view(-0.25)), tracks=(on, demo))
    assert (out.track, out.tracks_done, out.track_since) == ("demo_invitation", ("mql_education",), NOW + DAY)
    assert (verdict.cause, verdict.next_due_at) == ("graduated from mql_education", NOW + 8 * DAY)
    over, _ = look(out, NOW + 8 * DAY, tracks=(on, demo))
    assert (over.track, over.tracks_done) == (None, ("mql_education", "demo_invitation"))


def test_n1_somebody_who_has_graduated_already_does_not_enter() -> None:
    signals = (view(2), view(1))
    state, verdict = look(at("lead", "mql"), signals=signals)
    assert (state.track, verdict.changed) == (None, False)
    assert verdict.next_due_at == NOW + 12 * DAY + timedelta(microseconds=1), "when the two no longer lie within a fortnight"
    assert look(state, verdict.next_due_at, signals=signals)[0].track == "mql_education"


def test_n1_a_stage_that_goes_back_takes_them_from_one_track_to_the_other() -> None:
    enabled, _ = look(at("lead", "mql", "sal", "sql"))
    assert enabled.track == "sql_enablement"
    back = moved(enabled, "nurture", NOW + 40 * DAY)
    state, verdict = look(back, NOW + 40 * DAY, before=enabled)
    assert (state.track, state.track_since) == ("mql_education", NOW + 40 * DAY)
    assert verdict.cause == "stage nurture, left sql_enablement: stage is now nurture"
    lost = moved(state, "disqualified", NOW + 41 * DAY)
    state, verdict = look(lost, NOW + 41 * DAY, before=state)
    assert (state.track, verdict.changed, verdict.cause) == (None, True, "left mql_education: stage is now disqualified")


def test_n1_a_track_outlasts_a_change_between_its_own_stages() -> None:
    inside, _ = look(at("lead", "mql"))
    state, verdict = look(moved(inside, "nurture", NOW + DAY), NOW + DAY, before=inside)
    assert (state.track, state.track_since, verdict.changed) == ("mql_education", NOW, False)


def test_g1_who_opts_out_leaves_every_track_with_a_list_until_the_opt_out_ends() -> None:
    inside, _ = look(at("lead", "mql"))
    out, verdict = look(inside, NOW + DAY, facts={"email_opt_out": True})
    assert (out.track, out.tracks_done, verdict.cause) == (None, (), "left mql_education: opted out of e-mail")
    assert look(out, NOW + 2 * DAY, facts={"email_opt_out": True})[0] is out
    assert look(out, NOW + 3 * DAY, facts={"email_opt_out": False})[0].track == "mql_education"
    calls = Track(name="calls", stages=("mql",))
    assert look(out, NOW + 2 * DAY, facts={"email_opt_out": True}, tracks=(*TRACKS, calls))[0].track == "calls"


def test_what_happened_before_the_first_connection_puts_nobody_on_a_list() -> None:
    start = NOW - DAY
    seen = at("mql", first=NOW - timedelta(hours=1), created_at=NOW - 300 * DAY)
    assert look(seen, start=start)[0].track is None
    assert look(replace(seen, created_at=NOW - timedelta(hours=2)), start=start)[0].track == "mql_education"
    assert look(at("lead", "mql", historic=True), start=start)[0].track is None
    later = moved(seen, "nurture", NOW)
    assert look(later, before=seen, start=start)[0].track == "mql_education"


def test_a_track_that_is_gone_from_the_playbook_is_left() -> None:
    inside, _ = look(at("lead", "mql"))
    state, verdict = look(inside, NOW + DAY, tracks=(ENABLEMENT,))
    assert (state.track, verdict.cause) == (None, "mql_education is no longer in the playbook")
    renamed = replace(EDUCATION, name="education")
    assert look(inside, NOW + DAY, tracks=(renamed,))[0].track == "education"


def test_tracks_that_follow_each_other_in_a_ring_end() -> None:
    ring = tuple(
        Track(name=n, stages=("mql",), graduate=Test(field="done", op="eq", value=True), graduate_to=to)
        for n, to in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    inside, _ = look(at("lead", "mql"), tracks=ring)
    state, verdict = look(inside, facts={"done": True}, tracks=ring)
    assert (inside.track, state.track, verdict.finished) == ("a", None, ("a", "b", "c"))


def test_the_lists_of_a_track() -> None:
    assert dict(wanted_lists("sql_enablement", TRACKS)) == {"hubspot": "8"}
    assert not wanted_lists(None, TRACKS)
    assert not wanted_lists("gone", TRACKS)


STAGES = st.sampled_from(("lead", "mql", "sql", "nurture"))
CONDITIONS = st.one_of(
    st.none(),
    st.builds(Test, field=st.sampled_from(("a", "b")), op=st.sampled_from(("filled", "empty"))),
    st.builds(Happened, signals=st.just(("s",)), at_least=st.integers(1, 3), within_days=st.sampled_from((None, 5.0))),
)
RANDOM_TRACKS = st.lists(
    st.builds(
        Track,
        name=st.sampled_from("xyz"),
        stages=st.lists(STAGES, min_size=1, max_size=3).map(tuple),
        when=CONDITIONS,
        days=st.sampled_from((None, 1.0, 10.0)),
        graduate=CONDITIONS,
        graduate_to=st.sampled_from((None, *"xyz")),
        lists=st.sampled_from(({}, {"hubspot": "1"})),
    ),
    max_size=3,
    unique_by=lambda t: t.name,
).map(tuple)


@given(
    tracks=RANDOM_TRACKS,
    stages=st.lists(STAGES, min_size=1, max_size=3),
    a=st.booleans(),
    silent=st.booleans(),
    ages=st.lists(st.floats(0, 12), max_size=4),
    hours=st.lists(st.integers(1, 200), max_size=5),
)
def test_a_second_look_at_the_same_moment_changes_nothing_and_none_is_missed(
    tracks: tuple[Track, ...], stages: list[str], a: bool, silent: bool, ages: list[float], hours: list[int]
) -> None:
    """Between two looks nothing changes before the moment that the first one named."""
    facts: dict[str, Value] = {"a": "1" if a else None, "email_opt_out": silent}
    signals = tuple(Signal(event_id=str(i), type="s", at=NOW - age * DAY) for i, age in enumerate(ages))
    state, now = at(*stages), NOW
    for step in (0, *hours):
        before = now
        now += timedelta(hours=step)
        due = track(state, stages[-1], facts, signals, tracks, Lists(), before).next_due_at
        state, verdict = look(state, now, facts=facts, signals=signals, tracks=tracks)
        assert not verdict.changed or step == 0 or (due is not None and due <= now)
        again, quiet = look(state, now, facts=facts, signals=signals, tracks=tracks)
        assert again is state
        assert not quiet.changed
        assert not quiet.finished
        if verdict.track is not None:
            on = next(t for t in tracks if t.name == verdict.track)
            assert stages[-1] in on.stages
            assert not (silent and on.lists)
