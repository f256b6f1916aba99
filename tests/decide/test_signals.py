"""Signals from snapshots and from histories: same event, same id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from crmsync.decide.signals import DETAIL_LIMIT, joined, signal_of, signals_from, signals_from_history, unique
from crmsync.decide.text import parse_moment, stamp
from crmsync.model.event import Event
from crmsync.model.link import Signal, SignalSource, Snapshot
from crmsync.model.record import Fields, FieldVersion, Ref, Value
from crmsync.model.rules import SignalMap

REF = Ref(side="hubspot", object="contacts", id="7")
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORM = SignalMap(
    side="hubspot", object="contacts", field="form", time_field="form_date", type="form_submitted",
    patterns=((r"demo|assessment", "demo_request"), (r"pric", "pricing_inquiry"), (r"demo", "never")),
)  # fmt: skip
OPENED = SignalMap(side="hubspot", object="contacts", field="opened", type="email_open")
OPT_OUT = SignalMap(side="hubspot", object="contacts", field="optout", type="unsubscribe", when_true=True)
MOMENTS = st.timedeltas(timedelta(days=3650), timedelta(days=80_000)).map(lambda d: datetime(1970, 1, 1, tzinfo=UTC) + d)
MAPS = (FORM, OPENED, OPT_OUT)


def shot(extra: Fields, *, modified_at: datetime = T0, ref: Ref = REF) -> Snapshot:
    return Snapshot(ref=ref, fields={}, extra=extra, modified_at=modified_at)


def version(field: str, value: Value, at: datetime, id: str = "7") -> FieldVersion:
    return FieldVersion(id=id, field=field, value=value, at=at)


def test_first_match_names_the_type() -> None:
    def types(name: str) -> list[str]:
        return [s.type for s in signals_from(shot({"form": name, "form_date": stamp(T0)}), None, MAPS)]

    assert types("Book a DEMO") == ["demo_request"]
    assert types("Pricing demo") == ["demo_request"]
    assert types("Pricing") == ["pricing_inquiry"]
    assert types("Newsletter") == ["form_submitted"]


def test_time_detail_and_source() -> None:
    (signal,) = signals_from(shot({"form": " Demo form ", "form_date": "2026-02-03T04:05:06.789Z"}), None, MAPS)
    assert signal.at == datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)
    assert (signal.detail, signal.source) == ("Demo form", SignalSource.PROPERTY)


def test_nothing_without_readable_time_or_detail_or_on_another_object() -> None:
    assert signals_from(shot({"form": "Demo", "form_date": "soon", "opened": 5, "optout": "false"}), None, MAPS) == []
    assert signals_from(shot({"form": "Demo", "opened": None}), None, MAPS) == []
    assert signals_from(shot({"form": "  ", "form_date": stamp(T0)}), None, MAPS) == []
    elsewhere = Ref(side="salesforce", object="Lead", id="7")
    assert signals_from(shot({"form": "Demo", "form_date": stamp(T0)}, ref=elsewhere), None, MAPS) == []


def test_only_what_changed_is_new() -> None:
    extra: dict[str, Value] = {"form": "Demo", "form_date": stamp(T0), "opened": stamp(T0), "optout": True}
    assert len(signals_from(shot(extra), None, MAPS)) == 3
    assert signals_from(shot(extra), extra, MAPS) == []
    again = {**extra, "form_date": stamp(T0 + timedelta(hours=1))}
    (signal,) = signals_from(shot(again), extra, MAPS)
    assert (signal.type, signal.at) == ("demo_request", T0 + timedelta(hours=1))
    assert [s.type for s in signals_from(shot(extra), {**extra, "optout": False}, MAPS)] == ["unsubscribe"]


def test_turning_true_is_one_event_whenever_it_is_read() -> None:
    first = signals_from(shot({"optout": "true"}), None, MAPS)
    later = signals_from(shot({"optout": "true"}, modified_at=T0 + timedelta(days=9)), None, MAPS)
    history = signals_from_history(
        [version("optout", "false", T0 - timedelta(days=9)), version("optout", "true", T0 - timedelta(days=8))], REF, MAPS
    )
    assert len({s.event_id for s in [*first, *later, *history]}) == 1
    assert history[0].at == T0 - timedelta(days=8)


def test_bounce_reason_counts_as_true_with_its_detail() -> None:
    bounce = SignalMap(side="hubspot", object="contacts", field="bounce", type="email_bounce", when_true=True)
    (signal,) = signals_from(shot({"bounce": "MAILBOX_FULL"}), None, (bounce,))
    assert (signal.type, signal.detail) == ("email_bounce", "MAILBOX_FULL")


def test_history_repeats_of_one_form_are_events_of_their_time() -> None:
    days = [T0 + timedelta(days=n) for n in range(3)]
    versions = [version("form", "Demo", days[0] + timedelta(milliseconds=40))]
    versions += [version("form_date", stamp(d), d) for d in days]
    found = signals_from_history(versions, REF, MAPS)
    assert [(s.type, s.at) for s in found] == [("demo_request", d) for d in days]
    (shown,) = signals_from(shot({"form": "Demo", "form_date": stamp(days[2])}), None, MAPS)
    assert shown.event_id == found[2].event_id


def test_history_takes_the_detail_in_force() -> None:
    versions = [
        version("form", "Newsletter", T0), version("form_date", stamp(T0), T0),
        version("form", "Demo", T0 + timedelta(days=1)), version("form_date", stamp(T0 + timedelta(days=1)), T0 + timedelta(days=1)),
        version("form_date", "2020-01-01", T0 - timedelta(days=400)), version("form", "Other person", T0, id="8"),
    ]  # fmt: skip
    assert [(s.type, s.detail) for s in signals_from_history(versions, REF, MAPS)] == [
        ("form_submitted", "Newsletter"),
        ("demo_request", "Demo"),
    ]


def test_history_without_times_is_dated_by_its_versions() -> None:
    (signal,) = signals_from_history([version("form", "Demo", T0)], REF, MAPS)
    assert (signal.at, signal.type) == (T0, "demo_request")


def test_history_of_a_plain_time_field_in_milliseconds() -> None:
    ms = int(T0.timestamp() * 1000)
    (signal,) = signals_from_history([version("opened", str(ms), T0)], REF, MAPS)
    (shown,) = signals_from(shot({"opened": stamp(T0)}), None, MAPS)
    assert signal.event_id == shown.event_id


def test_long_details_are_cut_alike() -> None:
    url = "https://a.example/" + "x" * 5000
    (shown,) = signals_from(shot({"form": url, "form_date": stamp(T0)}), None, MAPS)
    (past,) = signals_from_history([version("form", url, T0), version("form_date", stamp(T0), T0)], REF, MAPS)
    assert len(shown.detail) == DETAIL_LIMIT
    assert shown.event_id == past.event_id


def test_unique_keeps_each_event_once() -> None:
    a = Signal(event_id="a", type="page_view", at=T0, detail="/x")
    merged = Signal(event_id="b", type="page_view", at=T0, detail="/x", source=SignalSource.HISTORY)
    posted = [Signal(event_id=i, type="page_view", at=T0, detail="/x", source=SignalSource.API) for i in ("c", "d", "c")]
    assert [s.event_id for s in unique([a, a, merged, *posted])] == ["a", "c", "d"]


@given(
    name=st.text(min_size=1, max_size=30), field=st.sampled_from(["form", "opened"]),
    at=MOMENTS,
)  # fmt: skip
def test_property_and_history_agree_on_the_id(name: str, field: str, at: datetime) -> None:
    extra = {"form": name, "form_date": stamp(at)} if field == "form" else {"opened": stamp(at)}
    shown = signals_from(shot(extra), None, MAPS)
    past = signals_from_history([version(f, v, at) for f, v in extra.items()], REF, MAPS)
    assert [(s.event_id, s.type, s.at) for s in shown] == [(s.event_id, s.type, s.at) for s in past]
    assert len(shown) == (1 if field == "opened" or name.strip() else 0)


@given(MOMENTS)
def test_stamp_and_parse_are_inverse_to_the_millisecond(moment: datetime) -> None:
    read = parse_moment(stamp(moment))
    assert read is not None
    assert timedelta() <= moment - read < timedelta(milliseconds=1)


def test_different_events_have_different_ids() -> None:
    base = {"form": "Demo", "form_date": stamp(T0)}
    other_ref = Ref(side="hubspot", object="contacts", id="8")
    shots = [
        shot(base),
        shot({**base, "form": "Demo 2"}),
        shot({**base, "form_date": stamp(T0 + timedelta(milliseconds=1))}),
        shot(base, ref=other_ref),
    ]
    assert len({s.event_id for one in shots for s in signals_from(one, None, MAPS)}) == 4


FORMS = replace(FORM, events="form_submission")
OPENS = replace(OPENED, events="email_open")
OUT = replace(OPT_OUT, events="email_unsubscribe")
LISTED = (FORMS, OPENS, OUT)


def listed(kind: str, m: SignalMap, at: datetime, id: str = "e1", detail: str = "", answers: tuple[tuple[str, str], ...] = ()) -> Signal:
    return signal_of(Event(id=id, kind=kind, at=at, email="ann@example.com", detail=detail, answers=answers), m)


def shown(form: str, at: datetime) -> Signal:
    (one,) = signals_from(shot({"form": form, "form_date": stamp(at)}), None, (FORM,))
    return one


def stored(known: list[Signal], fresh: list[Signal]) -> list[Signal]:
    keep, drop = joined(known, fresh, LISTED)
    rows = {s.event_id: s for s in known if s.event_id not in drop}
    return sorted({**rows, **{s.event_id: s for s in keep}}.values(), key=lambda s: (s.at, s.event_id))


def test_what_a_field_and_a_list_tell_is_one_event_whichever_comes_first() -> None:
    field = shown("Pricing page: Contact us", T0)
    event = listed("form_submission", FORMS, T0 + timedelta(seconds=1), detail="Contact us", answers=(("seats", "50"), ("empty", " ")))
    assert (event.type, event.source) == ("form_submitted", SignalSource.EVENT)
    first, second = stored(stored([], [field]), [event]), stored(stored([], [event]), [field])
    assert first == second == stored([], [event, field]) == stored([], [field, event])
    (one,) = first
    assert (one.event_id, one.type, one.answers) == (field.event_id, "pricing_inquiry", ("seats: 50",))
    # replays and overlaps change nothing
    assert joined(first, [field, event, field], LISTED) == ([], [])


def test_a_list_names_what_a_field_does_not() -> None:
    field, event = shown("Page one", T0), listed("form_submission", FORMS, T0, detail="Assessment")
    assert [s.type for s in stored([field], [event])] == [s.type for s in stored([event], [field])] == ["demo_request"]


def test_events_of_another_kind_or_moment_are_others() -> None:
    field = shown("Contact us", T0)
    late = listed("form_submission", FORMS, T0 + timedelta(seconds=3), id="e2", detail="Contact us")
    opened = listed("email_open", OPENS, T0, id="e3")
    assert len(stored([field], [late, opened])) == 3
    told = Signal(event_id="api", type="form_submitted", at=T0, detail="Contact us", source=SignalSource.API)
    assert len(stored([field], [told])) == 2, "only a CRM's own list is held against its fields"


def test_two_submissions_in_a_row_stay_two() -> None:
    fields = [shown("A: Contact us", T0), shown("A: Contact us", T0 + timedelta(milliseconds=1500))]
    events = [
        listed("form_submission", FORMS, T0, id="e1", detail="Contact us", answers=(("n", "1"),)),
        listed("form_submission", FORMS, T0 + timedelta(milliseconds=1500), id="e2", detail="Contact us", answers=(("n", "2"),)),
    ]
    for order in permutations([*fields, *events]):
        rows = stored([], [])
        for one in order:
            rows = stored(rows, [one])
        assert [s.event_id for s in rows] == [s.event_id for s in fields], order
        if order[:2] in (tuple(fields), tuple(events)):
            assert [s.answers for s in rows] == [("n: 1",), ("n: 2",)], order


def test_an_opt_out_is_dated_by_any_later_modification() -> None:
    (field,) = signals_from(shot({"optout": "true"}, modified_at=T0 + timedelta(hours=5)), None, (OUT,))
    event = listed("email_unsubscribe", OUT, T0)
    assert stored([field], [event]) == stored([event], [field]) == [field]
