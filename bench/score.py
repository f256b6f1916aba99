"""Scoring a whole base anew, and 1,000 changed persons, beside the same query written by hand in DuckDB, and in Polars.

Every engine starts from the same columns in memory, signals in the order in which they happened, and ends with one total per person; each runs in a
process of its own with 2 threads, and the totals are compared. DuckDB takes the newest hits by `max(at, n)` and the clusters by a fold over a list; Polars
has nothing for greedy windows, so it answers without that rule, beside crmsync without it. Needs the extra `bench`.
Run: `python bench/score.py [persons] [signals] [runs]`; the whole size is 1000000 20000000.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from _common import clean_environment, median, table

from crmsync.decide.condition import Lists, fields_of
from crmsync.decide.frame import Frame, Subject, encoded, frame_from, looks, micros
from crmsync.decide.score import score_all, score_frame
from crmsync.decide.titles import Titles, phrases
from crmsync.model.condition import AnyOf, Test
from crmsync.model.link import Signal
from crmsync.model.process import BehaviorRule, FitRule, ScoreRules
from crmsync.model.record import Value
from crmsync.model.rules import PersonMap, Playbook

THREADS = 2
CHANGED = 1_000
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SPAN = 730
"""Days over which the signals are spread."""
TYPES = (
    "blog_read", "newsletter_signup", "social_follow", "email_click", "webinar_attended", "case_study_view", "content_download", "product_page_view",
    "demo_request", "pricing_inquiry", "trial_start", "direct_outreach", "demo_booked", "pricing_page_view", "unsubscribe", "careers_page_view",
    "app_opened", "survey_seen",
)  # fmt: skip
WEIGHTS = (20, 2, 2, 18, 4, 6, 6, 20, 0.7, 0.5, 0.5, 0.4, 0.4, 6, 1, 1.5, 6, 5)
FREE = ("gmail.com", "gmx.de", "yahoo.com", "outlook.com", "web.de")
RIVALS = ("rival.example", "other.example")
TITLES = {"c_level": ("ceo", "cto", "cfo", "chief", "Geschäftsführer"), "director": ("director", "vp", "vice president", "head of")}
RULES = ScoreRules(
    fit=(
        FitRule(name="C-level title", points=30, group="seniority", when=Test(field="title", op="title_is", value="c_level")),
        FitRule(name="Director or above", points=25, group="seniority", when=Test(field="title", op="title_is", value="director")),
        FitRule(name="Company of 200 to 1,000", points=15, when=Test(field="employees", op="between", value=(200, 1000))),
        FitRule(name="Personal address", points=-15, when=Test(field="email", op="domain_in", value="free")),
        FitRule(
            name="Competitor",
            points=-50,
            when=AnyOf(of=tuple(Test(field=name, op="domain_in", value="competitor") for name in ("email", "website"))),
        ),
    ),
    behavior=(
        BehaviorRule(name="Awareness", points=5, signals=TYPES[:4], half_life_days=30, max_times=3),
        BehaviorRule(name="Consideration", points=20, signals=TYPES[4:7], half_life_days=60, max_points=60),
        BehaviorRule(
            name="Product pages", points=15, signals=("product_page_view",), count=3, within_days=7, half_life_days=30, max_times=2
        ),
        BehaviorRule(name="Decision", points=45, signals=TYPES[8:12], max_times=2),
        BehaviorRule(name="Demo booked", points=20, signals=("demo_booked",), max_times=1),
        BehaviorRule(name="Pricing page", points=10, signals=("pricing_page_view",), half_life_days=30, max_times=5),
        BehaviorRule(name="Leaving", points=-25, signals=("unsubscribe", "careers_page_view"), max_times=1),
    ),
)
LISTS = Lists(
    free=frozenset(FREE), competitor=frozenset(RIVALS), titles=Titles(ranks={name: phrases(texts) for name, texts in TITLES.items()})
)
PLAIN = replace(RULES, behavior=tuple(rule for rule in RULES.behavior if rule.count == 1))
"""Without clusters."""

DUCKDB = """
with told as (
  select person,
    max(ts, 3) filter (type in ('blog_read','newsletter_signup','social_follow','email_click')) as awareness,
    sum(pow(0.5, epoch_us($now - ts) / 86400e6 / 60)) filter (type in ('webinar_attended','case_study_view','content_download')) as consideration,
    {pages}
    least(2, count(*) filter (type in ('demo_request','pricing_inquiry','trial_start','direct_outreach'))) as decision,
    least(1, count(*) filter (type = 'demo_booked')) as booked,
    max(ts, 5) filter (type = 'pricing_page_view') as pricing,
    least(1, count(*) filter (type in ('unsubscribe','careers_page_view'))) as leaving,
    max(ts) filter (type not in ('unsubscribe','careers_page_view',{unknown})) as gained_at,
    max(ts) filter (type not in ({unknown})) as known_at
  from signals group by person
), behaved as (
  select person,
    5 * coalesce(list_sum([pow(0.5, epoch_us($now - x) / 86400e6 / 30) for x in awareness]), 0)
      + least(60, 20 * coalesce(consideration, 0))
      {paged}
      + 45 * decision + 20 * booked
      + 10 * coalesce(list_sum([pow(0.5, epoch_us($now - x) / 86400e6 / 30) for x in pricing]), 0) as gains,
    -25 * leaving as losses,
    epoch_us($now - coalesce(gained_at, known_at)) / 86400e6 as idle
  from told
), seniority as (
  select title, case when regexp_matches(lower(title), '\\b(ceo|cto|cfo|chief|geschäftsführer)\\b') then 30
    when regexp_matches(lower(title), '\\b(director|vp|vice president|head of)\\b') then 25 else 0 end as points
  from (select distinct title from persons)
)
select p.person,
  s.points + case when employees between 200 and 1000 then 15 else 0 end
  + case when split_part(email, '@', 2) in ('gmail.com','gmx.de','yahoo.com','outlook.com','web.de') then -15 else 0 end
  + case when split_part(email, '@', 2) in ('rival.example','other.example') or website in ('rival.example','other.example') then -50 else 0 end
  + coalesce(gains * pow(0.75, idle / 30) + losses + case when idle >= 30 then -10 else 0 end, 0) as total
from persons p left join seniority s using (title) left join behaved b on b.person = p.person
"""
PAGES = "list(ts order by ts) filter (type = 'product_page_view') as pages,"
# Greedy windows: the state is the hits found, and the open window's moments.
PAGED = """+ 15 * coalesce(list_sum([pow(0.5, epoch_us($now - x) / 86400e6 / 30) for x in (list_reduce(
        list_transform(pages, lambda x: {hits: []::timestamp[], open: [x]}),
        lambda a, b: case when len(a.open) = 2 and b.open[1] - a.open[1] <= interval 7 days
          then {hits: list_append(a.hits, b.open[1]), open: []::timestamp[]}
          else {hits: a.hits, open: list_append(case when len(a.open) = 2 then a.open[2:] else a.open end, b.open[1])} end)).hits[-2:]]), 0)"""


def generate(folder: Path, persons: int, signals: int) -> None:
    """Writes the columns: the same for the same numbers, everywhere."""
    rng = np.random.Generator(np.random.PCG64(4))
    domains = np.array([*FREE * 200, *RIVALS * 5, *(f"firm{n}.example" for n in range(4000))])
    ranks = (
        "CEO",
        "CTO",
        "Chief Revenue Officer",
        "Geschäftsführer",
        "Sales Director",
        "VP Sales",
        "Head of Growth",
        "Manager",
        "Engineer",
        "Analyst",
    )
    titles = np.array([f"{rank}{area}" for rank in ranks for area in ("", *(f", region {n}" for n in range(40)))])
    np.save(folder / "title", titles[rng.integers(0, len(titles), persons)])
    np.save(folder / "employees", np.exp(rng.uniform(0, 10, persons)).astype(np.int64))
    np.save(folder / "mailed", domains[rng.integers(0, len(domains), persons)])
    np.save(folder / "website", domains[rng.integers(len(FREE) * 200, len(domains), persons)])
    weights = np.array(WEIGHTS) / sum(WEIGHTS)
    np.save(folder / "type", rng.choice(len(TYPES), signals, p=weights).astype(np.int16))
    person = (rng.random(signals) ** 1.5 * persons).astype(np.int64) * 7_919 % persons  # some do more than others, in no order
    person[rng.integers(0, signals, min(10_000, signals // 20))] = 0  # and one does very much
    np.save(folder / "person", person.astype(np.int32))
    np.save(folder / "at", np.sort(rng.integers(micros(NOW - timedelta(days=SPAN)), micros(NOW), signals)))


def facts_of(folder: Path) -> dict[str, list[Any]]:
    columns = {name: np.load(folder / f"{name}.npy").tolist() for name in ("title", "employees", "mailed", "website")}
    columns["email"] = [f"person{n}@{domain}" for n, domain in enumerate(columns.pop("mailed"))]
    return columns


def signals_of(folder: Path) -> dict[str, Any]:
    return {name: np.load(folder / f"{name}.npy") for name in ("person", "type", "at")}


def crmsync(folder: Path, clusters: bool) -> Callable[[], Any]:
    facts, signals, rules = facts_of(folder), signals_of(folder), RULES if clusters else PLAIN

    def run() -> Any:
        with ThreadPoolExecutor(THREADS) as pool:
            return score_frame(framed(facts, signals), rules, LISTS, micros(NOW), spread=pool.map).total

    return run


def framed(facts: dict[str, list[Any]], signals: dict[str, Any]) -> Frame:
    columns = {name: encoded(facts[name], ops) for name, ops in looks(rule.when for rule in RULES.fit).items()}
    return frame_from(size=len(facts["email"]), facts=columns, types=TYPES, **signals)


def duckdb(folder: Path, clusters: bool) -> Callable[[], Any]:
    import duckdb
    import polars

    facts, signals = facts_of(folder), signals_of(folder)
    link = duckdb.connect(config={"threads": THREADS})
    kinds = ",".join(f"'{name}'" for name in TYPES)
    link.execute(f"create type kind as enum ({kinds})")
    # Polars writes what DuckDB reads: neither needs a third library for it.
    polars.DataFrame({"person": np.arange(len(facts["email"]), dtype=np.int32), **facts}).write_parquet(folder / "persons.parquet")
    polars.DataFrame(signals).rename({"at": "moment"}).write_parquet(folder / "signals.parquet")
    link.execute("create table persons as select * from read_parquet(?)", [str(folder / "persons.parquet")])
    link.execute(
        f"create table signals as select person, ([{kinds}])[type + 1]::kind as type, make_timestamp(moment) as ts from read_parquet(?)",
        [str(folder / "signals.parquet")],
    )
    unknown = "'app_opened','survey_seen'" if clusters else "'app_opened','survey_seen','product_page_view'"
    query = DUCKDB.format(pages=PAGES if clusters else "", paged=PAGED if clusters else "", unknown=unknown)

    def run() -> Any:
        found = link.execute(query, {"now": NOW.replace(tzinfo=None)}).fetchnumpy()
        totals = np.empty(len(facts["email"]))
        totals[found["person"]] = found["total"]
        return totals

    return run


def polars(folder: Path, clusters: bool) -> Callable[[], Any]:
    import polars as pl

    if clusters:
        raise SystemExit("Polars has no way to take windows greedily")
    facts, signals = facts_of(folder), signals_of(folder)
    rows = pl.DataFrame(signals)
    persons = pl.DataFrame({"person": np.arange(len(facts["email"]), dtype=np.int32), **facts})
    now = micros(NOW)

    def faded(hits: pl.Expr, days: float) -> pl.Expr:
        return (0.5 ** ((now - hits) / (days * 86_400e6))).sum()

    def of(kinds: Sequence[str]) -> pl.Expr:
        return pl.col("at").filter(pl.col("type").is_in([TYPES.index(kind) for kind in kinds]))

    behaved = (
        rows.lazy()
        .group_by("person")
        .agg(
            awareness=faded(of(TYPES[:4]).top_k(3), 30),
            consideration=faded(of(TYPES[4:7]), 60),
            decision=of(TYPES[8:12]).len().clip(upper_bound=2),
            booked=of(TYPES[12:13]).len().clip(upper_bound=1),
            pricing=faded(of(TYPES[13:14]).top_k(5), 30),
            leaving=of(TYPES[14:16]).len().clip(upper_bound=1),
            gained_at=of((*TYPES[:7], *TYPES[8:14])).max(),
            known_at=of((*TYPES[:7], *TYPES[8:16])).max(),
        )
        .with_columns(idle=(now - pl.coalesce("gained_at", "known_at")) / 86_400e6)
        .with_columns(
            behavior=(
                5 * pl.col("awareness")
                + (20 * pl.col("consideration")).clip(upper_bound=60)
                + 45 * pl.col("decision").cast(pl.Float64)
                + 20 * pl.col("booked").cast(pl.Float64)
                + 10 * pl.col("pricing")
            )
            * 0.75 ** (pl.col("idle") / 30)
            - 25 * pl.col("leaving").cast(pl.Float64)
            - pl.when(pl.col("idle") >= 30).then(10).otherwise(0)
        )
        .select("person", "behavior")
    )
    title, domain = pl.col("title").str.to_lowercase(), pl.col("email").str.split_exact("@", 1).struct.field("field_1")
    fit = (
        pl.when(title.str.contains(r"\b(ceo|cto|cfo|chief|geschäftsführer)\b")).then(30)
        .when(title.str.contains(r"\b(director|vp|vice president|head of)\b")).then(25).otherwise(0)
        + pl.when(pl.col("employees").is_between(200, 1000)).then(15).otherwise(0)
        - pl.when(domain.is_in(list(FREE))).then(15).otherwise(0)
        - pl.when(domain.is_in(list(RIVALS)) | pl.col("website").is_in(list(RIVALS))).then(50).otherwise(0)
    )  # fmt: skip
    query = persons.lazy().select("person", fit=fit).join(behaved, on="person", how="left", maintain_order="left")

    def run() -> Any:
        return query.select(total=pl.col("fit") + pl.col("behavior").fill_null(0)).collect()["total"].to_numpy()

    return run


def child(engine: str, folder: Path, clusters: bool, runs: int) -> None:
    """In a process of its own: prints seconds of each run and the peak memory in MB, and leaves the totals beside the columns."""
    gc.set_threshold(50_000, 20, 50)  # as the crmsync command does
    run = {"crmsync": crmsync, "duckdb": duckdb, "polars": polars, "changed": changed}[engine](folder, clusters)
    gc.freeze()
    seconds, cpu = [], []
    for _ in range(runs):
        begun, spent = time.perf_counter(), time.process_time()
        found = run()
        seconds.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - spent)
    if found is not None:
        np.save(folder / f"total-{engine}", found)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def changed(folder: Path, _: bool) -> Callable[[], Any]:
    """Scores CHANGED persons with their signals as the store gives them, with reasons and next moments, as `sync` and the daemon do it."""
    facts, signals = facts_of(folder), signals_of(folder)
    mine = np.flatnonzero((signals["person"] > 0) & (signals["person"] <= CHANGED))  # 0 has ten thousand signals
    told: dict[int, list[Signal]] = {n: [] for n in range(1, CHANGED + 1)}
    for row in mine.tolist():
        at = NOW - timedelta(microseconds=int(micros(NOW) - signals["at"][row]))
        told[int(signals["person"][row])].append(Signal(event_id=str(row), type=TYPES[signals["type"][row]], at=at))
    subjects = [Subject(facts=_facts(facts, n), signals=did, now=NOW) for n, did in told.items()]
    playbook = Playbook(person=PersonMap(objects={}, create_as={}, fields={}), score=RULES)

    def run() -> None:
        assert len(score_all(subjects, playbook, LISTS)) == CHANGED

    return run


def _facts(facts: dict[str, list[Any]], n: int) -> dict[str, Value]:
    return {name: facts[name][n] for rule in RULES.fit for name in fields_of(rule.when)}


def measured(engine: str, folder: Path, clusters: bool, runs: int) -> dict[str, float]:
    """Medians of seconds and of CPU seconds, and the peak memory in MB."""
    command = [sys.executable, __file__, "--child", engine, str(folder), "1" if clusters else "", str(runs)]
    done = subprocess.run(command, env=clean_environment({"POLARS_MAX_THREADS": str(THREADS)}), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    said = json.loads(done.stdout)
    return {"seconds": median(said["seconds"]), "cpu": median(said["cpu"]), "peak": said["peak"]}


def main(persons: int, signals: int, runs: int) -> None:
    rows, ratios, peak = [], [], 0.0
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        generate(folder, persons, signals)
        for clusters, engines in ((True, ("crmsync", "duckdb")), (False, ("crmsync", "polars", "duckdb"))):
            ours = measured("crmsync", folder, clusters, runs)
            totals, peak = np.load(folder / "total-crmsync.npy"), max(peak, ours["peak"])
            for engine in engines:
                theirs = ours if engine == "crmsync" else measured(engine, folder, clusters, runs)
                apart = np.abs(totals - np.load(folder / f"total-{engine}.npy"))
                if apart.max() > 1e-6:
                    raise SystemExit(f"{engine} gives other totals: {apart.max()} apart for person {apart.argmax()}")
                ratio = ours["seconds"] / theirs["seconds"]
                ratios += [ratio] if engine == "duckdb" else []
                rows.append(
                    ("all 12 rules" if clusters else "without clusters", engine, f"{theirs['seconds']:.2f}", f"{theirs['cpu']:.2f}", f"{ratio:.2f}",
                     f"{theirs['peak']:,.0f}")
                )  # fmt: skip
        few = measured("changed", folder, True, max(5, runs))
    table(
        f"{persons:,} persons, {signals:,} signals scored anew, {THREADS} threads, median of {runs}; totals equal",
        ("rules", "engine", "seconds", "CPU s", "crmsync beside it", "peak MB, columns included"),
        rows,
    )
    print(f"\n{CHANGED:,} changed persons with reasons and next moments: {1000 * few['seconds']:.0f} ms, {1000 * few['cpu']:.0f} ms of CPU")
    if max(ratios) > 1.5 or peak > 4096 or few["seconds"] > 0.1:
        print(f"NOT REACHED: {max(ratios):.2f} times DuckDB (1.5), {peak:,.0f} MB (4,096), {1000 * few['seconds']:.0f} ms (100)")
        sys.exit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), bool(sys.argv[4]), int(sys.argv[5]))
    else:
        numbers = [int(word) for word in sys.argv[1:]]
        main(*(numbers + [100_000, 2_000_000, 3][len(numbers) :]))
