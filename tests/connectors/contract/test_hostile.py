"""The engine between two hostile CRMs: whatever they do to values, pages and calls, writes stay bounded and a settled world writes nothing."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.model.rules import FieldType
from crmsync.store import Store
from crmsync.testing.hostile import RUDE, HostileCrm, drops_emoji, formats_phones, hostile
from crmsync.testing.strategies import Edit, values
from tiny import NAMES, Tiny, field_map, playbook, quietly

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
EMAIL = "ann@example.com"
SEEN: Counter[str] = Counter()
FIELDS = {
    "email": field_map("email", FieldType.EMAIL),
    "phone": field_map("phone", FieldType.PHONE),
    "title": field_map("title"),
    "city": field_map("city", FieldType.LONG_TEXT),
    "number": field_map("number", FieldType.NUMBER),
}
MORE = (formats_phones, drops_emoji)


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        Store.open(f"sqlite:///{folder}/state.db").close()
        return (Path(folder) / "state.db").read_bytes()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


def crm(name: str, rude: int, *, reads_back: bool, quota_every: int = 0) -> HostileCrm:
    """rude: which of the further rewrites this one does, as bits."""
    rewrites = (*RUDE, *(step for bit, step in enumerate(MORE) if rude >> bit & 1))
    names = (*NAMES, "number")
    return hostile(name=name, names=names, unique_email="email", reads_back=reads_back, page=2, rewrites=rewrites, quota_every=quota_every)


def world(folder: Path, a: HostileCrm, b: HostileCrm) -> Tiny:
    (folder / "state.db").write_bytes(_empty())
    return Tiny(folder, rules=playbook(fields=FIELDS), a=a, b=b)


def settle(tiny: Tiny) -> None:
    """Until nothing is to do, a quota refusal or two on the way."""
    for _ in range(20):
        report = quietly(tiny)
        if report is not None and not report.more and not report.errors:
            return
    raise AssertionError("never settles")


def one(memory: HostileCrm) -> str:
    (id,) = memory.live()
    return id


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    field = draw(st.sampled_from(["phone", "title", "city", "number"]))
    return Edit(left=draw(st.booleans()), field=field, value=draw(st.sampled_from(values(field))))


@settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(edits(), min_size=1, max_size=4),
    rude=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    quota=st.sampled_from([0, 0, 3]),
)
def one_edit_makes_at_most_one_write_per_side(changes: list[Edit], rude: tuple[int, int], quota: int) -> None:
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    a, b = crm("a", rude[0], reads_back=False, quota_every=quota), crm("b", rude[1], reads_back=True)
    tiny = world(folder, a, b)
    try:
        a.add(email=f" {EMAIL.upper()} ", phone="+14085550100", title="x")
        settle(tiny)
        for edit in changes:
            memory, other = (a, b) if edit.left else (b, a)
            a.log.clear()
            b.log.clear()
            memory.edit(one(memory), **{edit.field: edit.value})
            settle(tiny)
            assert len(other.log) <= 1, f"one edit, {len(other.log)} writes: {other.log}"
            assert len(memory.log) <= 1, f"ping-pong: {memory.log}"
            SEEN["written"] += bool(other.log)
            SEEN["echoed"] += bool(memory.log)
            SEEN["rewritten"] += memory.live()[one(memory)][edit.field] != edit.value
            a.log.clear()
            b.log.clear()
            for _ in range(3):
                quietly(tiny)
            assert (a.log, b.log) == ([], []), "a settled world writes nothing"
        assert len(a.live()) == len(b.live()) == 1
    finally:
        tiny.close()
        shutil.rmtree(folder)


def test_one_edit_makes_at_most_one_write_per_side_between_hostile_crms() -> None:
    """And the property must have met what it is about: edits that travelled, and values that a CRM had rewritten."""
    SEEN.clear()
    one_edit_makes_at_most_one_write_per_side()
    assert SEEN["written"] >= 20
    assert SEEN["rewritten"] >= 10
