"""Sends one message to one address of a chat, a mailbox, a phone or a webhook, through the Apprise library and the addresses it understands.

The library takes most of a second to load, so it is loaded with the first message, in the thread that sends it. What it logs names addresses and tokens: nothing of that
leaves this module but the number of an HTTP answer.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from crmsync.connect.http import is_loopback

if TYPE_CHECKING:
    from apprise import Apprise, AppriseAsset
    from apprise.plugins.base import NotifyBase

SECONDS = 15.0
"""How long a connection, and each answer, is waited for at most; an address may ask for less (`cto`, `rto`)."""
PATIENCE = 60.0
"""How long one message may take altogether, also with a service that answers byte by byte."""
_ANSWER = re.compile(r"error=(\d{3})\b")
_INSECURE = "insecure"
_said = threading.local()


class NotSentError(Exception):
    """A message did not arrive. Its text holds neither address nor secret."""


def address_problem(url: str) -> str | None:
    """Why nothing is sent to this address, in words that do not hold it; None when all is well. Contacts nobody.

    An address is refused that Apprise does not understand, and one whose messages could be read or caught on their way: a plain protocol (json://, xml://, form://,
    mailto:// without TLS), or certificates that are not checked, unless its host is this very machine."""
    if re.search(r"\s", url.strip()):
        return "is not one address: it holds blanks"
    plugin = _plugin(url)
    if plugin is None:
        return "is no address that Apprise understands, or one for which something is not installed here"
    if _local(plugin):
        return None
    scheme = url.partition("://")[0].strip().lower()
    mode = getattr(plugin, "secure_mode", None)
    if mode == _INSECURE or (mode is None and scheme in _names(plugin.protocol)):
        safe = next(iter(_names(plugin.secure_protocol)), None)
        return "sends without TLS to a host that is not loopback" + (f"; use {safe}://" if safe and safe != scheme else "")
    if not plugin.verify_certificate:
        return "does not check the certificate of a host that is not loopback; take verify=no out of it"
    return None


def is_local(url: str) -> bool:
    """Whether messages to this address stay on this machine. Contacts nobody."""
    plugin = _plugin(url)
    return plugin is not None and _local(plugin)


def send(url: str, title: str, body: str, *, patience: float = PATIENCE) -> None:
    """Sends a message as plain text, cut to what the service takes; nothing in it is mark-up, an escape, a file or an address. Redirects are not followed. What has
    not arrived after `patience` real seconds is left to itself.

    Raises: NotSentError when it was not accepted, also when the address is refused by `address_problem`."""
    why = address_problem(url)
    if why is not None:
        raise NotSentError(f"its address {why}")
    plugin = _plugin(url)
    assert plugin is not None
    from apprise import NotifyFormat, OverflowMode

    plugin.redirects = False
    plugin.overflow_mode = OverflowMode.TRUNCATE
    plugin.socket_connect_timeout = _within(plugin.socket_connect_timeout)
    plugin.socket_read_timeout = _within(plugin.socket_read_timeout)
    hub = _hub()
    hub.add(plugin)
    outcome: list[str] = []

    def try_it() -> None:
        _said.why = ""
        try:
            arrived = hub.notify(body=body, title=title, body_format=NotifyFormat.TEXT, interpret_escapes=False)
        except Exception as error:  # whatever a plugin of the library raises: its text may hold the address
            outcome.append(f"sending failed ({type(error).__name__})")
        else:
            outcome.append("" if arrived else _said.why or "the service did not take it")

    # A thread of its own, for nothing else ends a conversation that goes on and on; it holds up no exit.
    trying = threading.Thread(target=try_it, name="alert", daemon=True)
    trying.start()
    trying.join(patience)
    why = outcome[0] if outcome else f"no answer within {patience:g} seconds"
    if why:
        raise NotSentError(why)


def _within(seconds: Any) -> float:
    try:
        return min(max(float(seconds), 0.1), SECONDS)
    except (TypeError, ValueError):
        return SECONDS


def _names(protocol: object) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else tuple(str(name) for name in protocol) if isinstance(protocol, tuple | list) else ()


def _local(plugin: NotifyBase) -> bool:
    hosts = {str(host) for host in (plugin.host, getattr(plugin, "smtp_host", None)) if host}
    # A service in the cloud keeps a token where others have their host.
    owned = bool(_names(plugin.protocol))
    return owned and bool(hosts) and all(is_loopback(host.strip("[]").lower()) for host in hosts)


def _plugin(url: str) -> NotifyBase | None:
    from_url: Any = _library().Apprise.instantiate(url.strip(), asset=_asset(), suppress_exceptions=True)
    found: NotifyBase | None = from_url
    return found


def _hub() -> Apprise:
    hub: Apprise = _library().Apprise(asset=_asset())
    return hub


@cache
def _asset() -> AppriseAsset:
    """One message after the other in the thread that asks; nothing is kept on the disk."""
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="crmsync", app_desc="crmsync", app_url="", async_mode=False, service_timeout=0, storage_mode="memory", secure_logging=True
    )


_loading = threading.Lock()


def _library() -> Any:
    with _loading:
        return _loaded()


@cache
def _loaded() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports is its own affair
        import apprise

        apprise.Apprise.instantiate("json://localhost", asset=apprise.AppriseAsset(storage_mode="memory"))  # has it load its plugins
    logger = logging.getLogger("apprise")
    logger.handlers[:] = [_Hearing()]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    return apprise


class _Hearing(logging.Handler):
    """Takes from what the library says no more than the number of an HTTP answer, or that there was no connection."""

    def emit(self, record: logging.LogRecord) -> None:
        """Notes it for the thread that sends."""
        text = record.getMessage()
        code = _ANSWER.search(text)
        if code is not None:
            _said.why = f"HTTP {code[1]}"
        elif "onnection" in text:
            _said.why = "no connection, or no answer"
