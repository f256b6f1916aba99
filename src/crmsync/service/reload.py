"""The daemon's playbook while it runs: an edited one is taken whole between two cycles, or refused with the old one still in force."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import structlog

from crmsync.engine.world import World
from crmsync.errors import ConfigError, CredentialsError, CrmsyncError, HaltError, UnreachableError
from crmsync.model.rules import Playbook
from crmsync.playbook.check import check
from crmsync.playbook.lint_templates import text_problems
from crmsync.playbook.schema import FILES
from crmsync.playbook.templates import FOLDER, template_files
from crmsync.playbook.yamlfile import MAX_BYTES
from crmsync.service.playbook import known_to, load_playbook
from crmsync.service.verify import asked_about
from crmsync.service.workspace import Workspace

log = structlog.get_logger(__name__)

SETTLED_SECONDS = 1.0
"""A file is read once it was left alone for so long: an editor that writes it piece by piece must not be read in between."""
EVENT = "playbook"

_Stamps = tuple[tuple[str, tuple[int, int, int] | None], ...]


class PlaybookWatch:
    """Looks at the admin's files once per cycle: a few `stat` calls while nothing changed. Make it before the playbook is loaded: what is edited in
    between is then noticed, too."""

    def __init__(self, home: Path, *, wall: Callable[[], float] = time.time) -> None:
        self._home = home
        self._wall = wall
        self._stamps = self._look()
        self._content = self._digest()

    def current(self, workspace: Workspace) -> Workspace:
        """The workspace to go on with: the given one, or one that is the same but for the playbook and what follows from it. `refused` there says why
        edited files were not taken, with file, line and column of everything that is wrong. Writes to no CRM; reads schemas where the
        mapping asks for other ones."""
        stamps = self._look()
        if stamps == self._stamps or self._just_written(stamps):
            return workspace
        content = self._digest()
        if self._look() != stamps:
            return workspace  # it is being written; the next cycle looks again
        if content == self._content:
            self._stamps = stamps
            return workspace
        try:
            taken = self._taken(workspace)
        except (CredentialsError, UnreachableError, HaltError) as error:
            log.warning("the edited playbook is looked at again later", error=type(error).__name__)
            return workspace
        except ConfigError as error:
            why = f"the edited playbook is refused, the old one is still in force: {error}"
            self._tell(workspace, why, warn=True)
            taken = replace(workspace, refused=why)
        self._stamps, self._content = stamps, content
        return taken

    def _taken(self, workspace: Workspace) -> Workspace:
        playbook = load_playbook(workspace.settings)
        known_to(playbook, workspace.connectors)
        known = {(problem.file, problem.message) for problem in text_problems(workspace.playbook)}
        if wrong := [str(problem) for problem in text_problems(playbook) if (problem.file, problem.message) not in known]:
            raise ConfigError("\n".join(wrong))
        if playbook.fingerprint == workspace.playbook.fingerprint:
            if workspace.refused is not None:
                self._tell(workspace, "the files say again what is in force")
            return replace(workspace, playbook=playbook, refused=None)  # what stands where in a file may have moved
        fresh = _world(workspace, playbook)
        self._tell(workspace, "an edited playbook is in force")
        return replace(workspace, playbook=playbook, world=fresh, refused=None)

    @staticmethod
    def _tell(workspace: Workspace, text: str, *, warn: bool = False) -> None:
        (log.warning if warn else log.info)("playbook", text=text)
        try:
            workspace.store.log_event(workspace.clock(), EVENT, text)
        except CrmsyncError as error:
            log.warning("what became of the playbook was not stored", error=type(error).__name__)

    def _look(self) -> _Stamps:
        return tuple((str(path), _stamp(path)) for path in self._paths())

    def _paths(self) -> list[Path]:
        """The files of the home as it is now: texts for tasks come and go."""
        return [*(self._home / name for name in FILES), *template_files(self._home / FOLDER)]

    def _just_written(self, stamps: _Stamps) -> bool:
        newest = max((stamp[0] for _, stamp in stamps if stamp is not None), default=0) / 1e9
        return 0 <= self._wall() - newest < SETTLED_SECONDS

    def _digest(self) -> str:
        told = sha256()
        for path in self._paths():
            try:
                with path.open("rb") as stream:
                    content = stream.read(MAX_BYTES + 1)
            except OSError as error:
                content = type(error).__name__.encode()
            told.update(f"{path.name} {len(content)}\n".encode() + content)
        return told.hexdigest()


def _world(workspace: Workspace, playbook: Playbook) -> World:
    """What cycles under that playbook work with. Raises: ConfigError when the CRMs' live schemas do not bear it though they bear the one in force."""
    old = workspace.world
    fresh = World(
        store=workspace.store,
        connectors=workspace.connectors,
        playbook=playbook,
        new_id=old.new_id,
        report=old.report,
        credentials=old.credentials,
        asked_about=asked_about(workspace.settings.environ, playbook.gate),
    )
    troubles = fresh.refresh(workspace.clock())
    if troubles and _marks(fresh) != _marks(old):
        raise next(iter(troubles.values()))  # what another mapping needs could not be asked
    fresh.require_provisioned()
    known = {finding.message for finding in check(workspace.playbook, fresh.schemas)}
    wrong = [f for f in check(playbook, fresh.schemas) if f.level == "error" and f.message not in known]
    if wrong:
        raise ConfigError("\n".join(f"{one.subject}: {one.message}; {one.fix}" for one in wrong))
    return fresh


def _marks(world: World) -> dict[tuple[str, str], str]:
    return {key: world.mapping_mark(*key) for key in world.lenses}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
