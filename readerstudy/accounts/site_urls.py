"""Where this site is: for links in mails, and for redirects, which never lead elsewhere.

What a request says of its own host is anybody's to choose; a link in a mail goes to somebody else.
"""

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils.http import url_has_allowed_host_and_scheme

_PORTS = {"http": "80", "https": "443"}


def absolute_url(request: HttpRequest, path: str) -> str:
    """The address of a page, for a mail: under ``READERSTUDY_SITE_URL``; where that is not set,
    under a host that ``ALLOWED_HOSTS`` names, at the port that this server listens on."""
    if settings.SITE_URL:
        return f"{settings.SITE_URL}{path}"
    named = [host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*"))]
    requested, _port = split_domain_port(request.get_host())
    host = requested if requested in named else named[0]
    return f"{request.scheme}://{host}{_port_of_server(request)}{path}"


def _port_of_server(request: HttpRequest) -> str:
    """As the socket knows it; behind a proxy, or at a socket without ports, none."""
    port = request.META.get("SERVER_PORT", "")
    hidden = settings.BEHIND_PROXY or not request.META.get("REMOTE_ADDR")
    return "" if hidden or port == _PORTS[request.scheme] else f":{port}"


def is_path(url: str) -> bool:
    """Whether this is a path on this site, and nothing that a browser takes for another."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)


def path_within(request: HttpRequest, url: str) -> str | None:
    """What leads to the same page without naming a host; None if it leads off this site."""
    here = {request.get_host()}
    if not url_has_allowed_host_and_scheme(url, here, require_https=request.is_secure()):
        return None
    parts = urlsplit(url)
    if parts.netloc or parts.scheme:
        url = urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
        return url if is_path(url) else None
    return url
