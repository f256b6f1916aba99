"""Whether a domain takes mail, by DNS: its MX records, or without any its address (RFC 5321 section 5.1); a null MX says no (RFC 7505)."""

from __future__ import annotations

from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING

from crmsync.errors import ConfigError

if TYPE_CHECKING:
    from dns.name import Name
    from dns.resolver import Resolver

SETTING = "CRMSYNC_VERIFY__RESOLVER"


class Dns:
    """Asks the machine's own resolvers, or the one named. Safe to use from several threads.

    resolver: "host:port" of a name server, an IP address and its port (53 when left out). seconds: how long one question is waited for.

    Raises: ConfigError naming the setting when `resolver` is no such address."""

    def __init__(self, resolver: str | None = None, *, seconds: float = 5.0) -> None:
        self._server = None if resolver is None else _server(resolver)
        self._seconds = seconds
        self._lock = Lock()
        self._made: Resolver | None = None

    def takes_mail(self, domain: str) -> bool | None:
        """True: it has an MX, or none but an address. False: the name does not exist, has a null MX, or neither. None: nobody could tell just now
        (no answer in time, the name server failed or refused)."""
        from dns import exception, name, resolver

        try:
            asking = self._resolver()
            full = name.from_text(f"{domain}.")
            try:
                return any(record.exchange != name.root for record in asking.resolve(full, "MX"))
            except resolver.NoAnswer:
                return _has(asking, full, "A") or _has(asking, full, "AAAA")
        except resolver.NXDOMAIN:
            return False
        except (exception.DNSException, OSError, UnicodeError):
            return None

    def _resolver(self) -> Resolver:
        """Made with the first question: the library takes longer to load than a cycle in which nothing is asked."""
        from dns.resolver import Resolver

        with self._lock:
            if self._made is None:
                self._made = Resolver(configure=self._server is None)
                self._made.lifetime = self._seconds
                self._made.timeout = min(self._seconds, 2.0)
                if self._server is not None:
                    self._made.nameservers, self._made.port = [self._server[0]], self._server[1]
            return self._made


def _has(asking: Resolver, full: Name, kind: str) -> bool:
    from dns import resolver

    try:
        return len(asking.resolve(full, kind)) > 0
    except resolver.NoAnswer:
        return False


def _server(given: str) -> tuple[str, int]:
    """Address and port that the setting names."""
    host, colon, port = given.strip().rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = given.strip(), "53"
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        address = str(ip_address(host))
    except ValueError:
        address = ""
    if not address or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"{SETTING} must be the IP address of a name server with its port, like 192.0.2.1:53. Nothing was contacted.")
    return address, int(port)
