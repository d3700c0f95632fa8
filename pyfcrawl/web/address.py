"""The address of the site itself, for links that leave it."""

from __future__ import annotations

import re

from starlette.requests import Request

from pyfcrawl.web.options import SiteOptions

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def root_of(request: Request, options: SiteOptions) -> str:
    """Scheme and host without a slash, e.g. `https://packages.example.org`.

    SITE_URL, or else what the request was sent to. A Host header may be any text: one that is no
    host gives the address that the server listens on.
    """
    if options.site_url:
        return options.site_url
    scheme = request.scope["scheme"]
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        name, port = request.scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else name
    return f"{scheme}://{host}"
