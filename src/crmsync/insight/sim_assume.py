"""What a simulation assumes of reps and prospects, each figure with the words in which the report lists it. All of it can be given otherwise in a YAML file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from crmsync.errors import ConfigError
from crmsync.playbook.problems import Problems
from crmsync.playbook.shapes import Strict
from crmsync.playbook.validate import validate
from crmsync.playbook.yamlfile import read

DILIGENT, AVERAGE, CHERRY_PICKING = PERSONAS = ("diligent", "average", "cherry-picking")


class Minutes(Strict):
    """Working minutes that one piece of work takes a rep, on average."""

    call: float = Field(default=7.0, gt=0, description="a call, with writing down what was said")
    email: float = Field(default=5.0, gt=0, description="an e-mail from the template")
    other: float = Field(default=3.0, gt=0, description="a touch on social media, or filling in a field")
    answer: float = Field(default=12.0, gt=0, description="reading a reply, deciding, and booking a meeting")


class Persona(Strict):
    """How one kind of rep works."""

    share: float = Field(ge=0, le=1, description="share of the reps")
    looks_every: float = Field(gt=0, description="minutes between two looks at an empty task list")
    reacts_in: float = Field(gt=0, description="minutes until a new task of high priority is noticed, on average")
    does: float = Field(ge=0, le=1, description="share of tasks done when their turn comes; the others are forgotten for a while")
    forgets_hours: float = Field(default=24.0, gt=0, description="how long a forgotten task is not thought of, in hours")
    ahead_days: float = Field(default=0.0, ge=0, description="with nothing due, tasks are taken up that are due within so many days")
    afternoon: float = Field(default=1.0, ge=1, description="how much longer everything takes after 13:00")
    picks_score: float = Field(
        default=0.0, ge=0, description="leads below this score are ignored, whatever the priority of the task (0: none is)"
    )
    picks_days: float = Field(default=0.0, ge=0, description="and so is a lead's task that is older than so many days (0: never)")
    other_crm: float = Field(default=0.1, ge=0, le=1, description="share of tasks completed in the other CRM")
    logs_calls: float = Field(default=0.3, ge=0, le=1, description="share of unanswered calls that are logged beside the completed task")
    gives_up_after: int = Field(
        default=0,
        ge=0,
        description="touches without an answer after which the lead is closed as no_response (0: the cadence is followed to its end)",
    )
    without_reason: float = Field(default=0.1, ge=0, le=1, description="share of rejections without a reason code")


class Work(Strict):
    """What is the same for all reps."""

    other_work: float = Field(
        default=0.35, ge=0, lt=1, description="share of working time that goes to other customers, meetings and breaks"
    )
    late_start: float = Field(
        default=20.0, ge=0, description="minutes after the beginning of the working day at which the first look comes, at most"
    )
    time_zones: list[str] = Field(
        default=["Europe/London", "Europe/Berlin", "America/New_York"], min_length=1, description="where the reps live, in turn"
    )
    vacations: int = Field(default=2, ge=0, description="reps who are away for a week, of whom every second one is covered by a colleague")
    vacation_days: float = Field(default=5.0, gt=0, description="days of such an absence")
    leavers: int = Field(default=1, ge=0, description="reps who leave half way and are deactivated in both CRMs")
    minutes: Minutes = Minutes()


class Mix(Strict):
    """Kinds of visitors, as weights."""

    demo_request: float = Field(default=0.30, ge=0, description="look at prices and ask for a demo")
    pricing_inquiry: float = Field(default=0.12, ge=0, description="ask for prices")
    content_download: float = Field(default=0.28, ge=0, description="download an e-book and look around")
    webinar: float = Field(default=0.20, ge=0, description="come to the webinar on Thursday at 15:00 UTC, and look around")
    browser: float = Field(default=0.10, ge=0, description="only look around")


class Prospects(Strict):
    """What people who come are like, and what they answer."""

    weekend: float = Field(default=0.06, ge=0, le=1, description="share of visitors who come on Saturday or Sunday")
    day_starts: float = Field(default=7.0, ge=0, lt=24, description="hour (UTC) at which visitors begin to come")
    day_ends: float = Field(default=19.0, gt=0, le=24, description="hour (UTC) at which they stop")
    bursts: float = Field(default=0.3, ge=0, le=1, description="share who come within minutes of another one, as after a mailing")
    connect_5_minutes: float = Field(default=0.45, ge=0, le=1, description="chance that a call connects within five minutes of the form")
    connect_1_hour: float = Field(default=0.28, ge=0, le=1, description="chance within an hour")
    connect_later: float = Field(default=0.13, ge=0, le=1, description="chance of any later call")
    interested: float = Field(default=0.40, ge=0, le=1, description="of those reached, who agree to a meeting")
    bad_fit: float = Field(default=0.20, ge=0, le=1, description="of those reached, who turn out to be no fit")
    replies: float = Field(default=0.06, ge=0, le=1, description="chance that an e-mail is answered by a person")
    reply_interested: float = Field(default=0.45, ge=0, le=1, description="of the answers, those that want to talk")
    break_up_digit: float = Field(default=0.15, ge=0, le=1, description="chance that a break-up e-mail is answered with one digit")
    out_of_office: float = Field(default=0.04, ge=0, le=1, description="chance that an e-mail is answered by an absence note")
    opts_out: float = Field(default=0.012, ge=0, le=1, description="chance that an e-mail makes somebody unsubscribe")
    bounces: float = Field(default=0.02, ge=0, le=1, description="share of addresses that do not exist")
    mix: Mix = Mix()


class Assumptions(Strict):
    """Everything a simulation assumes."""

    diligent: Persona = Persona(share=0.34, looks_every=6, reacts_in=3, does=0.985, ahead_days=3)
    average: Persona = Persona(share=0.41, looks_every=20, reacts_in=12, does=0.85, afternoon=1.5, gives_up_after=7)
    cherry_picking: Persona = Persona(
        share=0.25, looks_every=20, reacts_in=6, does=0.95, picks_score=75, picks_days=2, gives_up_after=3, without_reason=0.4
    )
    work: Work = Work()
    prospects: Prospects = Prospects()

    def personas(self) -> dict[str, Persona]:
        """Name -> persona."""
        return {DILIGENT: self.diligent, AVERAGE: self.average, CHERRY_PICKING: self.cherry_picking}

    def listed(self) -> list[tuple[str, str, str]]:
        """(key as in the file, its value, what it is) of every figure."""
        return list(_listed("", self))


def _listed(prefix: str, model: Strict) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, Strict):
            rows += _listed(f"{prefix}{name}.", value)
        else:
            shown = ", ".join(value) if isinstance(value, list) else f"{value:g}"
            rows.append((prefix + name, shown, field.description or ""))
    return rows


def read_assumptions(path: Path | None) -> Assumptions:
    """Those of a YAML file; what it does not name stays as shipped. None: all as shipped. Raises: ConfigError with file, line and column of everything that is wrong."""
    if path is None:
        return Assumptions()
    if not path.is_file():
        raise ConfigError(f"{path} is no file. Nothing was simulated.")
    problems = Problems()
    file = read(path, path.name, problems)
    if file is not None:
        data = file.data if isinstance(file.data, dict) else {}
        for name in ("diligent", "average", "cherry_picking"):
            if isinstance(data.get(name), dict):
                data[name] = {**getattr(Assumptions(), name).model_dump(), **data[name]}
    found = validate(file, Assumptions, problems) if file is not None else None
    problems.fail()
    assert found is not None
    return found
