"""`score` and `segments` of `mappings/playbook.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import Days, HouseName, Points, Share, Strict, Text, snippets

Threshold = Annotated[float, Field(gt=0, le=10_000)]
Distance = Annotated[float, Field(ge=0, le=10_000)]
Delta = Annotated[float, Field(ge=0, le=1000)]
Band = Annotated[float, Field(ge=-10_000, le=10_000)]
Percent = Annotated[float, Field(gt=0, le=100)]


class FitFile(Strict):
    """Points for who they are."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            fit_rule={"name": "$1", "points": 10, "when": {"field": "$2", "is": "$3"}},
        )
    )

    name: Text = Field(description="How the rule is called in explanations.")
    points: Points = Field(description="Points when it holds; negative ones count against the person.")
    when: When = Field(description="The condition.")
    group: HouseName | None = Field(default=None, description="Of the rules of one group only the one with the most points counts.")


class BehaviorFile(Strict):
    """Points for signals."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            signals={"name": "$1", "points": 10, "signals": ["$2"], "half_life_days": 30, "max_times": 3},
            cluster={"name": "$1", "points": 15, "signals": ["$2"], "count": 3, "within_days": 7, "max_times": 2},
        )
    )

    name: Text = Field(description="How the rule is called in explanations.")
    points: Points = Field(description="Points for each hit; negative ones count against the person.")
    signals: Annotated[list[HouseName], Field(min_length=1)] = Field(description="The signals that count.")
    half_life_days: Days | None = Field(default=None, description="Days after which a hit is worth half. Empty: it does not age.")
    max_times: Annotated[int, Field(ge=1, le=10_000)] | None = Field(default=None, description="At most this many hits count, the newest.")
    max_points: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        default=None, description="At most this many points, in either direction."
    )
    count: Annotated[int, Field(ge=1, le=1000)] = Field(default=1, description="A cluster: this many signals are one hit.")
    within_days: Days | None = Field(default=None, description="The signals of a cluster lie within this many days.")


class AccountFile(Strict):
    """What the engagement of colleagues at the same company adds to each of them."""

    share: Share = Field(description="Share of the colleagues' own behaviour points that everybody there gets. 0: nothing.")
    max_points: Annotated[float, Field(gt=0, le=10_000)] = Field(default=30.0, description="At most this many points.")


class ScoreFile(Strict):
    """How persons are scored: the sum of fit and behaviour."""

    mql_at: Threshold = Field(default=50.0, description="A person with this score becomes mql.")
    mql_top_percent: Percent | None = Field(
        default=None,
        description="The other way to set the threshold: the best so many percent of the scored persons become mql, counted once a day; "
        "`mql_at` counts until then. Empty: `mql_at` alone.",
    )
    sql_at: Threshold = Field(default=100.0, description="The score of a sales-qualified person where `stages.acceptance` is `automatic`.")
    hysteresis: Distance = Field(
        default=10.0, description="The score must fall this far below `mql_at` before it can make the person mql again."
    )
    express: list[HouseName] = Field(
        default=[], description="Express lane: these signals make a person mql at once, whatever the score, and hot."
    )
    min_delta: Delta = Field(
        default=5.0, description="A changed score is written to the CRMs when it moved by this much or crossed a threshold or band."
    )
    bands: list[Band] = Field(default=[25.0, 50.0, 75.0, 100.0], description="Scores at which a crossing is always written.")
    inactivity_loss: Share = Field(
        default=0.25,
        description="Share of the gained behaviour points that is lost for each `inactivity_days` without a new signal (continuously).",
    )
    inactivity_days: Days = Field(default=30.0, description="See `inactivity_loss`.")
    inactive_points: Points = Field(default=-10.0, description="Points once there was no signal for `inactive_after_days`.")
    inactive_after_days: Days = Field(default=30.0, description="See `inactive_points`.")
    account: AccountFile | None = Field(default=None, description="Engagement of colleagues. Empty: it does not count.")
    fit: list[FitFile] = Field(default=[], description="Rules on who they are.")
    behavior: list[BehaviorFile] = Field(default=[], description="Rules on what they did.")


class SegmentScoreFile(Strict):
    """What differs from `score` for persons of a segment; a key left out is as there. Rules of `fit` and `behavior` take the place of those with
    the same name in `score`, or come in addition."""

    mql_at: Threshold | None = Field(default=None, description="As in `score`.")
    mql_top_percent: Percent | None = Field(default=None, description="As in `score`, of the persons of this segment.")
    sql_at: Threshold | None = Field(default=None, description="As in `score`.")
    hysteresis: Distance | None = Field(default=None, description="As in `score`.")
    express: list[HouseName] | None = Field(default=None, description="As in `score`; the whole list.")
    min_delta: Delta | None = Field(default=None, description="As in `score`.")
    bands: list[Band] | None = Field(default=None, description="As in `score`; the whole list.")
    inactivity_loss: Share | None = Field(default=None, description="As in `score`.")
    inactivity_days: Days | None = Field(default=None, description="As in `score`.")
    inactive_points: Points | None = Field(default=None, description="As in `score`.")
    inactive_after_days: Days | None = Field(default=None, description="As in `score`.")
    account: AccountFile | None = Field(default=None, description="As in `score`.")
    fit: list[FitFile] = Field(default=[], description="Rules that take the place of those with the same name, or come in addition.")
    behavior: list[BehaviorFile] = Field(
        default=[], description="Rules that take the place of those with the same name, or come in addition."
    )
    without: list[Text] = Field(default=[], description="Names of rules of `score` that do not count in this segment.")


class SegmentFile(Strict):
    """A model of its own for persons of one kind. The first segment whose condition holds counts; who is in none is scored by `score`."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            segment={"name": "enterprise", "when": {"field": "employees", "more_than": 1000}, "score": {"mql_at": 60}},
        )
    )

    name: HouseName = Field(description="Its name, in explanations and in `profile`.")
    when: When = Field(description="Who belongs to it. Fields only, no signals and no `within` or `older_than`.")
    score: SegmentScoreFile = Field(default=SegmentScoreFile(), description="What differs from the playbook's `score`.")
