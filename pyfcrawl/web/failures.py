"""Answers for what fails: a page for people, JSON for programs, each saying what to try."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pyfcrawl.errors import QueryError, StoreError, UnknownCollectionError
from pyfcrawl.web.endpoints import CORS
from pyfcrawl.web.templating import Templates

_log = logging.getLogger(__name__)

_ADVICE = {
    400: "Take something out of the address, or start with a search.",
    404: "It may have been removed, or be spelled differently: search for it.",
    405: "This site can only be read.",
    414: "Shorten the search to a few words.",
    429: "Wait a little, then go on.",
    503: "The index can't be read right now. Try again in a minute.",
}


def answer(templates: Templates, request: Request, error: Exception) -> Response:
    """The answer for an error that a page or the API raised."""
    status, detail = _told(error)
    if status >= 500:
        _log.error("%s %s: %s", request.method, request.url.path, detail, exc_info=error)
    headers = dict(getattr(error, "headers", None) or {})
    if status == 503:
        headers.setdefault("Retry-After", "60")
    return _response(templates, request, status, detail, headers)


def refusal(templates: Templates, request: Request, status: int) -> Response:
    """The answer for a request that is not looked at."""
    return _response(templates, request, status, "", {})


def _told(error: Exception) -> tuple[int, str]:
    """Status, and what may be said of it to strangers."""
    match error:
        case HTTPException():
            standard = HTTPStatus(error.status_code).phrase
            return error.status_code, "" if error.detail == standard else error.detail
        case QueryError():
            return 400, str(error)
        case UnknownCollectionError():
            return 404, "This ecosystem is not indexed yet."
        case StoreError():
            return 503, ""
    return 500, ""


def _response(
    templates: Templates, request: Request, status: int, detail: str, headers: dict[str, str]
) -> Response:
    headers = {"Cache-Control": "no-store", **headers}
    title = HTTPStatus(status).phrase
    if request.scope["path"].startswith("/api/"):
        content = {"error": status, "message": detail or title}
        return JSONResponse(content, status, {**CORS, **headers})
    context = {"status": status, "title": title, "detail": detail, "advice": _ADVICE.get(status)}
    return templates.response(request, "error.html", context, status, headers)
