"""Figures for Prometheus, taken when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crmsync.errors import CrmsyncError
from crmsync.service.status import Status


class Totals(Protocol):
    """What the daemon has done since it started."""

    @property
    def cycles(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def read(self) -> Mapping[str, int]: ...
    @property
    def written(self) -> Mapping[str, int]: ...
    @property
    def api_calls(self) -> Mapping[str, int]: ...


class Figures(Collector):
    """Collects from the stored status and the daemon's totals."""

    def __init__(self, *, status: Callable[[], Status], totals: Callable[[], Totals], reasons: Callable[[], tuple[str, ...]]) -> None:
        self._status, self._totals, self._reasons = status, totals, reasons

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: registering must not touch the database."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """All figures; those of a database that cannot be read are left out."""
        yield GaugeMetricFamily("crmsync_ready", "1 when cycles run without trouble", value=float(not self._reasons()))
        totals = self._totals()
        yield CounterMetricFamily("crmsync_cycles", "Cycles since the daemon started", value=totals.cycles)
        yield CounterMetricFamily("crmsync_cycle_failures", "Cycles that failed since the daemon started", value=totals.failures)
        for name, text, values in (
            ("crmsync_records_read", "Records read from a CRM", totals.read),
            ("crmsync_writes", "Writes a CRM accepted", totals.written),
            ("crmsync_api_calls", "API calls made to a CRM", totals.api_calls),
        ):
            family = CounterMetricFamily(name, f"{text} since the daemon started", labels=("crm",))
            for side, value in values.items():
                family.add_metric([side], value)
            yield family
        try:
            found = self._status()
        except CrmsyncError:
            return
        yield from _stored(found)


def _stored(found: Status) -> Iterator[Metric]:
    for name, text, value in (
        ("crmsync_halted", "1 while halted for safety", float(found.halted is not None)),
        ("crmsync_persons", "Persons known", float(found.persons)),
        ("crmsync_waiting_records", "Records that wait for a decision", float(found.waiting)),
        ("crmsync_open_writes", "Writes without an answer yet", float(found.open_writes)),
        ("crmsync_problems", "Parked problems", float(found.problems)),
        ("crmsync_conflicts", "Fields that wait for a person", float(found.conflicts)),
        ("crmsync_unread_calendars", "Calendars that could not be read", float(len(found.calendars))),
    ):
        yield GaugeMetricFamily(name, text, value=value)
    if found.lag_seconds is not None:
        yield GaugeMetricFamily("crmsync_lag_seconds", "Seconds since the newest cycle without errors", value=found.lag_seconds)
    stages = GaugeMetricFamily("crmsync_stage_persons", "Persons by stage", labels=("stage",))
    for stage, count in found.stages.items():
        stages.add_metric([stage], count)
    yield stages
    clocks = GaugeMetricFamily(
        "crmsync_open_clocks",
        "SLA clocks still open (at_risk ones run, too); of kind queue: persons who wait for an owner",
        labels=("kind", "status"),
    )
    for kind, c in found.clocks.items():
        for status, count in (("running", c.running), ("at_risk", c.at_risk), ("paused", c.paused), ("breached", c.breached)):
            clocks.add_metric([kind, status], count)
    yield clocks
    alerts = GaugeMetricFamily("crmsync_alerts", "Alerts not sent; failing ones wait, too", labels=("state",))
    for state, count in (("waiting", found.alerts.waiting), ("failing", found.alerts.failing), ("given_up", found.alerts.given_up)):
        alerts.add_metric([state], count)
    yield alerts
    records = GaugeMetricFamily("crmsync_records", "Records known", labels=("crm", "object", "state"))
    for side, objects in found.records.items():
        for object, states in objects.items():
            for state, count in states.items():
                records.add_metric([side, object, state], count)
    yield records
    budget = GaugeMetricFamily("crmsync_budget_calls", "API calls as the CRM counts them", labels=("crm", "what"))
    for side, figures in found.budgets.items():
        for what, value in figures.items():
            if value is not None:
                budget.add_metric([side, what], value)
    yield budget


def render(figures: Figures) -> bytes:
    """The text exposition format."""
    registry = CollectorRegistry()
    registry.register(figures)
    return generate_latest(registry)
