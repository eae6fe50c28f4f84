"""Lets no web page in: a page in the same browser can send requests to loopback, too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_OURS = ("127.0.0.1", "::1", "localhost")
_FOREIGN_SITES = ("cross-site", "same-site")
"""Values of Sec-Fetch-Site, which browsers send also where they send no Origin. Another port of
this machine is the same site."""


def only_from_here(application: WSGIApplication) -> WSGIApplication:
    """Refuse requests that a page of another origin has sent, or may have sent.

    A page whose own name resolves to loopback (DNS rebinding) has its name in ``Host``. Any other
    page has its ``Origin``, which is ``null`` for some. Clients such as boto3 send no ``Origin``.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        problem = _problem(Request(environ))
        if problem is None:
            return application(environ, start_response)
        refused = Response(json.dumps({"Message": problem}), 403, mimetype="application/json")
        return refused(environ, start_response)

    return answer


def _problem(request: Request) -> str | None:
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not _is_ours(host):
        return f"The host {host!r} is not this machine. Use http://127.0.0.1 or http://localhost."
    if origin is not None and origin != f"http://{host}":
        return f"A page of {origin} sent this request. Pages of other origins are refused."
    if request.headers.get("Sec-Fetch-Site") in _FOREIGN_SITES:
        return "A page of another origin sent this request. Pages of other origins are refused."
    return None


def _is_ours(host: str) -> bool:
    """Whether a ``Host`` is a name of this machine that nobody else can have.

    Names under ``localhost`` are (RFC 6761); S3's clients put the bucket there.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in _OURS or name.endswith(".localhost")
