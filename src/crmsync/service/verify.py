"""Whether, and whom, this installation asks about contact data (V1, V2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crmsync.connect import Finding
from crmsync.connect.discovery import all_loopback, options_for
from crmsync.connect.http import is_loopback
from crmsync.connect.verify_dns import SETTING, Dns
from crmsync.connect.verify_http import HttpProvider
from crmsync.engine.gate import Asked
from crmsync.engine.verify import Verifier
from crmsync.errors import ConfigError
from crmsync.model.process import GateRules

if TYPE_CHECKING:
    from crmsync.service.workspace import Workspace

NAME = "verify"
KNOWN = ("resolver", "token")


def asked_about(environ: Mapping[str, str], rules: GateRules) -> Asked:
    """What is asked about. Of simulated CRMs (all of them loopback) nobody outside this machine is: DNS only when a resolver is named, the provider only
    when it is on this machine, too. Contacts nothing. Raises: ConfigError naming the setting that is wrong."""
    resolver = _options(environ).get("resolver")
    outside = not all_loopback(environ)
    provider = rules.provider is not None and (outside or is_loopback(urlsplit(rules.provider.url.replace("{email}", "x")).hostname))
    return Asked(domains=rules.mx and (outside or resolver is not None), addresses=provider)


def verifier(environ: Mapping[str, str], rules: GateRules) -> Verifier | None:
    """What asks; None when nobody is asked. Contacts nothing. Raises: ConfigError naming the setting that is missing or wrong."""
    options, asked = _options(environ), asked_about(environ, rules)
    if not asked:
        return None
    return Verifier(
        domains=Dns(options.get("resolver"), seconds=rules.mx_seconds) if asked.domains else None,
        provider=HttpProvider(rules.provider, options.get("token")) if asked.addresses and rules.provider is not None else None,
        rules=rules,
    )


def check_verification(environ: Mapping[str, str], rules: GateRules) -> list[Finding]:
    """Whom this installation asks about contact data, and what keeps it from asking. Contacts nobody."""
    try:
        made, asked, resolver = verifier(environ, rules), asked_about(environ, rules), _options(environ).get("resolver")
    except ConfigError as error:
        return [Finding(level="error", subject="data_gate", message=str(error))]
    if made is None:
        why = "every connected CRM is simulated" if rules.mx or rules.provider is not None else "data_gate names nobody"
        return [Finding(level="info", subject="data_gate", message=f"nobody is asked about contact data: {why}")]
    made.close()
    whom = [f"the name server {resolver}" if resolver else "this machine's name servers"] if asked.domains else []
    if asked.addresses and rules.provider is not None:
        whom.append(str(urlsplit(rules.provider.url.replace("{email}", "x")).hostname))
    return [Finding(level="info", subject="data_gate", message=f"asks {' and '.join(whom)} about contact data")]


class Verification:
    """Follows a workspace from cycle to cycle, also when an edited playbook asks others. Belongs to the thread that runs cycles."""

    def __init__(self) -> None:
        self._rules: GateRules | None = None
        self._verifier: Verifier | None = None

    def prepare(self, workspace: Workspace) -> None:
        """Gets ready to ask whom the playbook now names. Contacts nothing. Raises: ConfigError naming the setting that is missing or wrong."""
        if workspace.playbook.gate != self._rules:
            self.close()
            self._verifier = verifier(workspace.settings.environ, workspace.playbook.gate)
            self._rules = workspace.playbook.gate

    def step(self, workspace: Workspace, *, wait: float = 0.0, ask: bool = True) -> int:
        """How many persons are due because of an answer, after `Verifier.step`."""
        self.prepare(workspace)
        return 0 if self._verifier is None else self._verifier.step(workspace.world, workspace.clock(), wait=wait, ask=ask)

    def close(self) -> None:
        """Asks nobody any more."""
        if self._verifier is not None:
            self._verifier.close()
        self._rules = self._verifier = None


def _options(environ: Mapping[str, str]) -> dict[str, str]:
    options = options_for(NAME, environ)
    unknown = sorted(set(options) - set(KNOWN))
    if unknown:
        raise ConfigError(f"CRMSYNC_VERIFY__{unknown[0].upper()} is no setting; there are {SETTING} and CRMSYNC_VERIFY__TOKEN.")
    return options
