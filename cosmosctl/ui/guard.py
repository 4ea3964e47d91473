"""Who may ask: this machine's own browser, from our own page, with the cookie that the printed address gave.

Every other page in that browser can send requests here too, and names of elsewhere can be made to lead here.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from cosmosctl.ui.place import Place

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": CSP,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True)
class Asked:
    """A request, as far as it matters here; headers by their names in lower case."""

    method: str
    headers: Mapping[str, str]


def refusal(asked: Asked, place: Place) -> str:
    """Why a request is refused whatever cookie it has; "" when it is not."""
    hosts = {f"127.0.0.1:{place.port}", f"localhost:{place.port}"}
    if asked.headers.get("host", "") not in hosts:
        return "it is not meant for this address"
    origin = asked.headers.get("origin")
    if origin is not None and origin not in {f"http://{host}" for host in hosts}:
        return "it comes from another page"
    site, mode = asked.headers.get("sec-fetch-site", "none"), asked.headers.get("sec-fetch-mode", "")
    is_opened = mode == "navigate" and asked.method == "GET"
    if site not in ("same-origin", "none") and not is_opened:
        return "it comes from another site"
    return ""


def is_known(asked: Asked, place: Place) -> bool:
    """Whether the request has the cookie."""
    try:
        found = SimpleCookie(asked.headers.get("cookie", "")).get(place.cookie)
    except CookieError:
        return False
    return found is not None and secrets.compare_digest(found.value, place.secret)


def cookie_of(place: Place) -> str:
    """The header that gives the cookie. Lax: a link on another site may open the page (Strict would refuse it)."""
    return f"{place.cookie}={place.secret}; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000"
