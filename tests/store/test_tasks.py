from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.store import Store, TaskRow

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def test_an_effect_happens_once_for_ever(store: Store, url: str) -> None:
    assert store.effects.claim("sla:remind", "p", NOW) is True
    assert store.effects.claim("sla:remind", "p", NOW) is False
    assert store.effects.claim("sla:breach", "p", NOW) is True
    assert store.effects.claim("sla:remind", "q", NOW) is True
    assert store.effects.claim("sla:remind", "p", NOW + timedelta(microseconds=1)) is True
    later = Store.open(url)
    assert later.effects.claim("sla:remind", "p", NOW) is False
    later.close()


def test_tasks_by_person_oldest_first(store: Store) -> None:
    new = TaskRow(key="k1", person_id="p", side="left", kind="first_touch", created_at=NOW)
    old = TaskRow(key="k2", person_id="p", side="left", kind="first_touch", created_at=NOW - timedelta(1), record_id="00T1",
                  owner="ola@x.org", due_at=NOW)  # fmt: skip
    store.tasks.save([new, old])
    assert store.tasks.of(["p", "q"]) == {"p": [old, new]}
    answered = TaskRow(key="k1", person_id="q", side="left", kind="first_touch", created_at=NOW, record_id="00T2")
    store.tasks.save([answered])
    assert store.tasks.of(["p", "q"]) == {"p": [old], "q": [answered]}


def test_tasks_wait_until_the_crm_has_them(store: Store) -> None:
    rows = [
        TaskRow(key=key, person_id="p", side="left", kind="first_touch", created_at=NOW, draft={"subject": "Ring", "priority": None})
        for key in ("k3", "k1", "k2")
    ]
    store.tasks.save(rows)
    assert [one.key for one in store.tasks.pending(2)] == ["k1", "k2"]
    assert [one.key for one in store.tasks.pending(2, after="k2")] == ["k3"]
    assert store.tasks.pending(1)[0].draft == {"subject": "Ring", "priority": None}
    store.tasks.created("k1", "00T1")
    store.tasks.created("k404", "00T1")
    assert [one.key for one in store.tasks.pending(9)] == ["k2", "k3"]
    assert {one.key: one.record_id for one in store.tasks.of(["p"])["p"]} == {"k1": "00T1", "k2": None, "k3": None}
