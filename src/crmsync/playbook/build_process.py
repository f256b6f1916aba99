"""From the checked models of the process to frozen values (crmsync.model.process)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from crmsync.model.condition import All, AnyOf, Condition, Happened, Not, Test
from crmsync.model.process import (
    AccountRule,
    BehaviorRule,
    EngagedRule,
    FitRule,
    GateRules,
    ProfileRules,
    ProviderRule,
    Question,
    QuestionSet,
    ScoreRules,
    Segment,
    StageRules,
    Track,
    TypeRule,
)
from crmsync.playbook.problems import Path
from crmsync.playbook.schema_gate import GateFile, ProviderFile
from crmsync.playbook.schema_hours import HoursFile
from crmsync.playbook.schema_mapping import SignalsFile
from crmsync.playbook.schema_nurture import ProfileFile, TrackFile
from crmsync.playbook.schema_score import AccountFile, BehaviorFile, FitFile, ScoreFile, SegmentFile, SegmentScoreFile
from crmsync.playbook.schema_stages import StagesFile, TypeFile
from crmsync.playbook.schema_when import OPERATORS, When
from crmsync.playbook.shapes import minutes_of, words
from crmsync.playbook.yamlfile import YamlFile

FORM, FORM_EVENTS = "form_submitted", "form_submission"
"""The signal that a form is when no pattern names another one, and what a CRM that lists them calls their events."""
_UNIT_MINUTES = {"minute": 1, "min": 1, "hour": 60}
_R = TypeVar("_R")
_Rule = TypeVar("_Rule", bound=FitRule | BehaviorRule)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file, so that what is built there can say where it stands."""

    file: YamlFile
    path: Path = ()

    def at(self, *steps: str | int) -> Spot:
        return Spot(self.file, (*self.path, *steps))

    @property
    def where(self) -> str:
        """`file:line`."""
        return self.file.where(self.path)


def condition(when: When, spot: Spot) -> Condition:
    """A checked condition as a value."""
    if when.all is not None:
        return All(of=tuple(condition(part, spot.at("all", i)) for i, part in enumerate(when.all)))
    if when.any is not None:
        return AnyOf(of=tuple(condition(part, spot.at("any", i)) for i, part in enumerate(when.any)))
    if when.not_ is not None:
        return Not(of=condition(when.not_, spot.at("not")))
    if when.signals is not None:
        low, high = when.often()
        return Happened(signals=tuple(when.signals), at_least=low, at_most=high, within_days=when.within_days)
    name = when.tests()[0]
    wanted = when.wanted(name)
    if name in ("empty", "filled"):
        wanted = None
    value = tuple(wanted) if isinstance(wanted, list) else wanted
    return Test(field=str(when.field), op=OPERATORS[name], value=value, where=spot.at("field").where)


def _maybe(when: When | None, spot: Spot) -> Condition | None:
    return None if when is None else condition(when, spot)


def _each(rules: Iterable[_R], spot: Spot) -> Iterator[tuple[_R, Spot]]:
    return ((rule, spot.at(i)) for i, rule in enumerate(rules))


# --- score and segments


def score_rules(score: ScoreFile, stages: StagesFile, spot: Spot) -> ScoreRules:
    return ScoreRules(
        fit=_fit(score.fit, spot.at("fit")),
        behavior=_behavior(score.behavior, spot.at("behavior")),
        inactivity_loss=score.inactivity_loss,
        inactivity_days=score.inactivity_days,
        inactive_points=score.inactive_points,
        inactive_after_days=score.inactive_after_days,
        mql_at=score.mql_at,
        top_percent=score.mql_top_percent,
        sql_at=score.sql_at,
        hysteresis=score.hysteresis,
        express=tuple(score.express),
        min_delta=score.min_delta,
        bands=_bands(score.bands),
        account=_account(score.account),
        recycle_factor=stages.recycle_factor,
    )


def segment(file: SegmentFile, base: ScoreRules, spot: Spot) -> Segment:
    """The segment with the whole model that counts in it. base: the playbook's own score, which gives what the segment does not say."""
    said: SegmentScoreFile = file.score
    given = {name: getattr(said, name) for name in said.model_fields_set - {"fit", "behavior", "without", "bands", "account", "express"}}
    if "mql_top_percent" in given:
        given["top_percent"] = given.pop("mql_top_percent")
    elif given.get("mql_at") is not None:
        given["top_percent"] = None  # a number of its own is meant to count
    score = replace(
        base,
        **{name: value for name, value in given.items() if value is not None or name == "top_percent"},
        fit=_merged(base.fit, _fit(said.fit, spot.at("score", "fit")), said.without),
        behavior=_merged(base.behavior, _behavior(said.behavior, spot.at("score", "behavior")), said.without),
        bands=base.bands if said.bands is None else _bands(said.bands),
        express=base.express if said.express is None else tuple(said.express),
        account=base.account if said.account is None else _account(said.account),
    )
    return Segment(name=file.name, when=condition(file.when, spot.at("when")), score=score, where=spot.where)


def _merged(base: Sequence[_Rule], own: Sequence[_Rule], without: Collection[str]) -> tuple[_Rule, ...]:
    """base without the named rules; a rule of the same name stands where the base's stood, the others follow."""
    mine = {rule.name: rule for rule in own}
    made: list[_Rule] = []
    for rule in base:
        if rule.name in mine or rule.name not in without:
            made.append(mine.pop(rule.name, rule))
    made.extend(mine.values())
    return tuple(made)


def _fit(rules: Iterable[FitFile], spot: Spot) -> tuple[FitRule, ...]:
    return tuple(
        FitRule(name=r.name, points=r.points, when=condition(r.when, at.at("when")), group=r.group, where=at.where)
        for r, at in _each(rules, spot)
    )


def _behavior(rules: Iterable[BehaviorFile], spot: Spot) -> tuple[BehaviorRule, ...]:
    return tuple(
        BehaviorRule(
            name=r.name,
            points=r.points,
            signals=tuple(r.signals),
            half_life_days=r.half_life_days,
            max_times=r.max_times,
            max_points=r.max_points,
            count=r.count,
            within_days=r.within_days,
            where=at.where,
        )
        for r, at in _each(rules, spot)
    )


def _bands(bands: Iterable[float]) -> tuple[float, ...]:
    return tuple(sorted(set(bands)))


def _account(said: AccountFile | None) -> AccountRule | None:
    return None if said is None or said.share == 0 else AccountRule(share=said.share, max_points=said.max_points)


# --- stages and types


def stage_rules(stages: StagesFile, signals: SignalsFile, hours: HoursFile, express: Collection[str]) -> StageRules:
    """form_types: every signal that a form can be. express: those of the express lane; the default of `signals` leaves them there."""
    forms = {FORM}
    for s in signals.signals:
        if s.events == FORM_EVENTS or s.type == FORM:
            forms |= {s.type, *(p.type for p in s.patterns)}
    engaged = stages.engaged_subscriber
    return StageRules(
        signals=tuple(s for s in stages.signals if s not in express or "signals" in stages.model_fields_set),
        forms=tuple(stages.forms),
        form_types=frozenset(forms),
        engaged=None
        if engaged is None
        else EngagedRule(days=engaged.days, delivered=engaged.delivered, opened=engaged.opened, clicked=engaged.clicked),
        acceptance=stages.acceptance,
        straight_to_sql=tuple(stages.straight_to_sql),
        reasons=dict(stages.reasons),
        stale_sql_days=stages.stale_sql_days,
        cool_off_days=stages.cool_off_days,
        lost_to=stages.lost_to,
        deals=stages.deals,
        ask_minutes=duration(stages.ask_within, hours)[0],
    )


def type_rule(rule: TypeFile, respond_within: str, hours: HoursFile, spot: Spot) -> TypeRule:
    """respond_within: of types without one of their own."""
    minutes, working = duration(rule.respond_within or respond_within, hours)
    breach = None if rule.breach_within is None else duration(rule.breach_within, hours)
    return TypeRule(
        type=rule.type,
        signals=tuple(rule.signals),
        min_fit=rule.min_fit,
        when=_maybe(rule.when, spot.at("when")),
        respond_minutes=minutes,
        working_time=working,
        breach_minutes=None if breach is None else breach[0],
        breach_working_time=True if breach is None else breach[1],
        channel=rule.channel,
        priority=rule.priority,
        action=rule.action,
        goal=rule.goal,
        where=spot.where,
    )


def duration(text: str, hours: HoursFile) -> tuple[int, bool]:
    """Minutes and whether they are working time. A working day is one day of the working hours, a working week all working days."""
    number, unit = re.split(r"\s+", re.sub(r"\bworking\s+", "", text.strip()), maxsplit=1)
    unit, working = unit.removesuffix("s"), "working" in text
    day = minutes_of(hours.end) - minutes_of(hours.start) if working else 24 * 60
    each = _UNIT_MINUTES.get(unit) or (day if unit == "day" else day * (len(set(hours.days)) if working else 7))
    return max(1, round(float(number) * each)), working


# --- data gate, profiling and nurture


def gate_rules(gate: GateFile, roles: Iterable[str]) -> GateRules:
    return GateRules(
        disposable=gate.disposable,
        roles=frozenset(role.strip().lower() for role in roles),
        mx=gate.mx,
        region=gate.region,
        mx_per_run=gate.mx_per_run,
        mx_seconds=gate.mx_seconds,
        mx_days=gate.mx_days,
        provider=None if gate.provider is None else _provider(gate.provider),
    )


def _provider(said: ProviderFile) -> ProviderRule:
    return ProviderRule(
        url=said.url,
        method=said.method,
        body=said.body,
        header=said.header,
        answer=said.answer,
        words={quality: tuple(words(meant)) for quality, meant in said.words.items()},
        enrich=dict(said.enrich),
        timeout_seconds=said.timeout_seconds,
        per_run=said.per_run,
        days=said.days,
    )


def profile_rules(profile: ProfileFile, segments: Sequence[Segment], spot: Spot) -> ProfileRules:
    return ProfileRules(
        show=profile.show,
        sets=tuple(
            QuestionSet(
                name=s.name,
                questions=tuple(Question(field=field, ask=ask) for field, ask in s.ask.items()),
                when=_maybe(s.when, at.at("when")) if s.segment is None else _in_segment(s.segment, segments),
                where=at.where,
            )
            for s, at in _each(profile.sets, spot.at("sets"))
        ),
    )


def _in_segment(name: str, segments: Sequence[Segment]) -> Condition:
    """Being in a segment: its condition, and that of no earlier one."""
    earlier: list[Condition] = []
    for one in segments:
        if one.name == name:
            return All(of=(*earlier, one.when)) if earlier else one.when
        earlier.append(Not(of=one.when))
    return AnyOf(of=())


def track(said: TrackFile, spot: Spot) -> Track:
    return Track(
        name=said.name,
        stages=tuple(said.stages),
        when=_maybe(said.when, spot.at("when")),
        days=said.days,
        graduate=_maybe(said.graduate, spot.at("graduate")),
        graduate_to=said.graduate_to,
        lists=dict(said.lists),
        where=spot.where,
    )
