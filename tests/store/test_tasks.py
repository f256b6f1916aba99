from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmsync.store import Store, TaskRow

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def test_an_effect_happens_once_for_ever(store: Store, url: str) -> None:
    assert store.claim_effect("sla:remind", "p", NOW) is True
    assert store.claim_effect("sla:remind", "p", NOW) is False
    assert store.claim_effect("sla:breach", "p", NOW) is True
    assert store.claim_effect("sla:remind", "q", NOW) is True
    assert store.claim_effect("sla:remind", "p", NOW + timedelta(microseconds=1)) is True
    later = Store.open(url)
    assert later.claim_effect("sla:remind", "p", NOW) is False
    later.close()


def test_tasks_by_person_oldest_first(store: Store) -> None:
    new = TaskRow(key="k1", person_id="p", side="left", kind="first_touch", created_at=NOW)
    old = TaskRow(key="k2", person_id="p", side="left", kind="first_touch", created_at=NOW - timedelta(1), record_id="00T1",
                  owner="ola@x.org", due_at=NOW)  # fmt: skip
    store.save_tasks([new, old])
    assert store.tasks_of(["p", "q"]) == {"p": [old, new]}
    answered = TaskRow(key="k1", person_id="q", side="left", kind="first_touch", created_at=NOW, record_id="00T2")
    store.save_tasks([answered])
    assert store.tasks_of(["p", "q"]) == {"p": [old], "q": [answered]}


def test_tasks_wait_until_the_crm_has_them(store: Store) -> None:
    rows = [
        TaskRow(key=key, person_id="p", side="left", kind="first_touch", created_at=NOW, draft={"subject": "Ring", "priority": None})
        for key in ("k3", "k1", "k2")
    ]
    store.save_tasks(rows)
    assert [one.key for one in store.pending_tasks(2)] == ["k1", "k2"]
    assert [one.key for one in store.pending_tasks(2, after="k2")] == ["k3"]
    assert store.pending_tasks(1)[0].draft == {"subject": "Ring", "priority": None}
    store.task_created("k1", "00T1")
    store.task_created("k404", "00T1")
    assert [one.key for one in store.pending_tasks(9)] == ["k2", "k3"]
    assert {one.key: one.record_id for one in store.tasks_of(["p"])["p"]} == {"k1": "00T1", "k2": None, "k3": None}
