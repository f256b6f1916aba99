"""The daemon's addresses: /healthz, /readyz, /metrics, /signals, /reports/sla, and a plain status page at /."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from crmsync import __version__
from crmsync.errors import ConfigError, CrmsyncError
from crmsync.service.settings import Web
from crmsync.service.status import Status
from crmsync.web.metrics import Figures, Totals, render
from crmsync.web.signals import Signals

SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
LOCAL = ("localhost", "127.0.0.1", "testserver")
ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, never bound to by itself
REFRESH_SECONDS = 5


def create_app(
    *,
    web: Web,
    status: Callable[[], Status],
    totals: Callable[[], Totals],
    reasons: Callable[[], tuple[str, ...]],
    take: Callable[[bytes], dict[str, Any]],
    links: Mapping[str, str] | None = None,
    sla: Callable[[str | None, str | None], str] | None = None,
) -> Starlette:
    """The HTTP application. links: further addresses to show on the page, name -> address. take: keeps a body of signals and returns the answer. sla: makes the compliance report's page
    for days from and to; ConfigError is the reader's mistake (None: there is no such page).
    The callables are asked at every request."""
    page = Environment(loader=PackageLoader("crmsync.web"), autoescape=True, undefined=StrictUndefined).get_template("status.html")
    figures = Figures(status=status, totals=totals, reasons=reasons)

    async def healthz(_request: Request) -> Response:  # in no thread: it answers also while all of them are busy
        return JSONResponse({"alive": True, "version": __version__}, headers=SAFE)

    def readyz(_request: Request) -> Response:
        why = reasons()
        return JSONResponse({"ready": not why, "reasons": list(why)}, status_code=503 if why else 200, headers=SAFE)

    def metrics(_request: Request) -> Response:
        return Response(render(figures), media_type=None, headers={**SAFE, "Content-Type": CONTENT_TYPE_LATEST})

    def home(_request: Request) -> Response:
        context: dict[str, Any] = {
            "version": __version__,
            "refresh": REFRESH_SECONDS,
            "links": links or {},
            "reasons": reasons(),
            "totals": totals(),
            "sla": sla is not None,
        }
        try:
            context["status"] = status()
        except CrmsyncError as error:
            context["status"], context["reasons"] = None, (*context["reasons"], str(error))
        return HTMLResponse(page.render(context), headers=SAFE)

    def compliance(request: Request) -> Response:
        assert sla is not None
        try:
            return HTMLResponse(sla(request.query_params.get("from"), request.query_params.get("to")), headers=SAFE)
        except ConfigError as error:
            return PlainTextResponse(f"{error}\n", status_code=400, headers=SAFE)
        except CrmsyncError as error:
            return PlainTextResponse(f"{error}\n", status_code=503, headers=SAFE)

    reports = [Route("/reports/sla", compliance)] if sla is not None else []
    signals = Route("/signals", Signals(web.signals_token, take, SAFE).__call__, methods=["POST"])
    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics), Route("/", home), *reports, signals],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_hosts(web), www_redirect=False)],
    )


def _hosts(web: Web) -> list[str]:
    """Names this server answers to: a page in a browser must not reach it under a name of its own choosing."""
    if web.host in ANYWHERE and web.public_url is None:
        return ["*"]
    public = urlsplit(web.public_url).hostname if web.public_url else None
    return [*LOCAL, *([web.host] if web.host not in ANYWHERE else []), *([public] if public else [])]
