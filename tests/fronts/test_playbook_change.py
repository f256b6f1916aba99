"""An edited playbook: what it would cost is told before, the running daemon takes it whole or refuses it, and everybody is decided anew."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from crmsync.daemon.loop import Daemon
from crmsync.errors import UnreachableError
from crmsync.service.reload import SETTLED_SECONDS, PlaybookWatch
from crmsync.service.settings import read_settings
from crmsync.service.workspace import Workspace, open_workspace
from fronts.town import Town

COUNT = 6


@pytest.fixture
def boss(town: Town) -> Town:
    """Six chief officers, in step: 30 points each, leads."""
    town.seed(COUNT, title="Chief Technology Officer")
    town.provision()
    assert town.run("sync").code == 0
    return town


def edit(town: Town, name: str, pattern: str, text: str) -> int:
    """Replaces the first match; returns the number of its line."""
    path = town.home / name
    before = path.read_text("utf-8")
    found = re.search(pattern, before)
    assert found is not None, f"{name} has no {pattern}"
    path.write_text(before[: found.start()] + text + before[found.end() :], "utf-8")
    return before.count("\n", 0, found.start()) + 1


def stages(town: Town) -> Counter[str]:
    return Counter(str(row.get("crmsync_stage")) for row in town.sims["hubspot"].all("contacts"))


def test_plan_tells_what_a_changed_playbook_would_cost_before_it_is_applied(boss: Town) -> None:
    assert boss.run("plan", "--json").json["playbook_change"] is None
    edit(boss, "mappings/playbook.yaml", r"mql_at: \d+", "mql_at: 20")
    planned = boss.run("plan", "--json")
    told = planned.json["playbook_change"]
    assert (told["persons"], told["leave"], told["enter"]) == (COUNT, {"lead": COUNT}, {"mql": COUNT})
    assert [(row["crm"], row["action"], row["writes"]) for row in told["counts"]] == [
        ("hubspot", "update", COUNT),
        ("salesforce", "update", COUNT),
    ]
    assert told["api_calls"] == {"hubspot": 1, "salesforce": 1}
    (move,) = told["moves"]
    assert (move["from"], move["to"], move["persons"], len(move["examples"])) == ("lead", "mql", COUNT, 5)
    shown = boss.run("plan").out
    assert f"The playbook changed: {COUNT} persons would be decided anew." in shown
    assert f"{COUNT} × lead → mql" in shown
    assert stages(boss) == {"lead": COUNT}, "nothing was applied"
    done = boss.run("sync", "--json")
    assert done.json["written"] == {"hubspot": COUNT, "salesforce": COUNT}
    assert stages(boss) == {"mql": COUNT}
    assert boss.run("plan", "--json").json["playbook_change"] is None
    told = boss.run("explain", "person0@acme0.example").out
    assert "Score 30.0 = fit 30.0 + behavior 0.0; mql at 20" in told
    assert "Next: " in told
    assert "threshold: score 30 ≥ 20" in told


def test_replay_tells_what_another_playbook_would_have_done_and_writes_nothing(boss: Town) -> None:
    other = boss.home.parent / "other"
    other.mkdir()
    (other / "playbook.yaml").write_text((boss.home / "mappings" / "playbook.yaml").read_text("utf-8"), "utf-8")
    edit(boss, "../other/playbook.yaml", r"mql_at: \d+", "mql_at: 20")
    calls = boss.calls()
    said = boss.run("replay", "--playbook", str(other), "--examples", "2", "--emails")
    assert said.code == 0, said.err
    assert f"{COUNT} would enter, 0 would leave" in said.out
    assert f"Would enter (2 of {COUNT})" in said.out
    assert "@acme" in said.out
    told = boss.run("replay", "--playbook", str(other), "--json").json
    assert (told["replayed"]["persons"], told["in_force"]["persons"], told["recorded"]) == (COUNT, 0, 0)
    assert all("email" not in row for row in told["enters"])
    assert boss.run("replay", "--playbook", str(boss.home.parent / "none")).code == 2
    assert boss.calls() == calls, "no CRM was contacted"
    assert stages(boss) == {"lead": COUNT}


class Script:
    """Runs the daemon's own loop and does the next step in each of its pauses."""

    def __init__(self, workspace: Workspace, watch: PlaybookWatch, steps: list[Callable[[Daemon], None]]) -> None:
        self.steps, self.pauses = steps, list[float]()
        with workspace.lease(wait=0) as lease:
            self.daemon = Daemon(workspace, lease, wait=self.wait, watch=watch)
            self.daemon.run()

    def wait(self, _event: threading.Event, seconds: float) -> bool:
        self.pauses.append(seconds)
        if self.steps:
            self.steps.pop(0)(self.daemon)
            return False
        self.daemon.stop()
        return True


def test_the_running_daemon_takes_an_edited_playbook_whole_or_not_at_all(boss: Town) -> None:
    settings = read_settings(boss.environ)
    watch = PlaybookWatch(settings.home, wall=lambda: time.time() + SETTLED_SECONDS)
    lines: list[int] = []

    def begin(daemon: Daemon) -> None:
        assert daemon.reasons == ()
        edit(boss, "crmsync.yaml", r"poll_seconds: \S+", "poll_seconds: 7")
        lines.append(edit(boss, "mappings/playbook.yaml", r"mql_at: \d+", "mql_at: many"))

    def refused(daemon: Daemon) -> None:
        (reason,) = daemon.reasons
        assert f"mappings/playbook.yaml:{lines[0]}:" in reason
        assert "the old one is still in force" in reason
        assert stages(boss) == {"lead": COUNT}
        said = boss.run("status", "--json").json
        assert (said["healthy"], said["reasons"]) == (False, [reason])
        assert said["events"][0]["text"] == reason
        edit(boss, "mappings/playbook.yaml", r"mql_at: many", "mql_at: 20")

    def taken(daemon: Daemon) -> None:
        assert daemon.reasons == ()
        assert stages(boss) == {"mql": COUNT}, "everybody was decided anew, without a change in any CRM"
        assert boss.run("status", "--json").json["healthy"]
        edit(boss, "mappings/person.yaml", r"\n  mobile: .*", "")

    def mapped(daemon: Daemon) -> None:
        assert "mobile" not in daemon.playbook.person.fields
        assert daemon.reasons == ()
        edit(boss, "mappings/playbook.yaml", r"\A", "# only a comment\n")

    with open_workspace(settings) as workspace:
        script = Script(workspace, watch, [begin, refused, taken, mapped])
    assert script.pauses == [15.0, 15.0, 7.0, 7.0, 7.0], "the file beside the wrong one was not taken without it"
    texts = [row["text"] for row in reversed(boss.run("status", "--json").json["events"]) if row["kind"] == "playbook"]
    assert [text.partition(",")[0] for text in texts] == [
        "the edited playbook is refused",
        "an edited playbook is in force",
        f"the rules changed: {COUNT} persons are decided anew",
        "an edited playbook is in force",
    ]


def test_a_file_that_is_being_written_is_left_alone_and_trouble_of_a_crm_is_not_the_playbooks(
    boss: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(boss.environ)
    late = [0.0]

    def down(*_: object) -> None:
        raise UnreachableError("down", side="hubspot")

    watch = PlaybookWatch(settings.home, wall=lambda: time.time() + late[0])
    with open_workspace(settings) as workspace:
        assert watch.current(workspace) is workspace
        edit(boss, "mappings/playbook.yaml", r"mql_at: \d+", "mql_at: 40")
        assert watch.current(workspace) is workspace, "it was written just now"
        late[0] = SETTLED_SECONDS
        with monkeypatch.context() as patch:
            patch.setattr("crmsync.service.reload._world", down)
            assert watch.current(workspace) is workspace
        taken = watch.current(workspace)
        assert (taken.playbook.score.mql_at, workspace.playbook.score.mql_at) == (40, 50)
        assert taken.world is not workspace.world
        assert watch.current(taken) is taken
        line = edit(boss, "mappings/person.yaml", r"hubspot: mobilephone", "hubspot: mobilefone")
        wrong = watch.current(taken)
        assert (wrong.playbook, wrong.world) == (taken.playbook, taken.world)
        assert wrong.refused is not None, "the live schemas do not bear it"
        assert f"mappings/person.yaml:{line}" in wrong.refused
        edit(boss, "mappings/person.yaml", r"hubspot: mobilefone", "hubspot: mobilephone")
        again = watch.current(wrong)
        assert (again.refused, again.world) == (None, taken.world), "the files say again what is in force"
        for path in (settings.home / "mappings").glob("*.yaml"):
            path.unlink()
        gone = watch.current(taken)
        assert gone.playbook is taken.playbook
        assert gone.refused is not None
        assert "the file is missing" in gone.refused


def test_s9_more_than_20_criteria_are_warned_of_beside_both_crms_and_stop_nothing(boss: Town) -> None:
    assert "explain nothing any more" not in boss.run("check", "--live").out
    many = "".join(f"    - {{name: Rule {n}, points: 1, when: {{field: city, is: Town {n}}}}}\n" for n in range(21))
    edit(boss, "mappings/playbook.yaml", r"(?<=  fit:\n)", many)
    said = boss.run("check", "--live")
    assert "26 fit rules; more than 20 explain nothing any more" in " ".join(said.out.split())
    assert said.code == 0, said.out
    assert boss.run("sync").code == 0
