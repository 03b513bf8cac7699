"""Who may use the cockpit: this machine freely; any other address with the token; a page of another origin never."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

TOKEN_BYTES = 24


def is_this_machine(address: str | None) -> bool:
    """Whether a peer's address is a loopback one."""
    try:
        return ipaddress.ip_address((address or "").split("%")[0]).is_loopback
    except ValueError:
        return False


def same_origin(origin: str | None, host: str) -> bool:
    """Browsers name the page's origin: only our own page may speak to us. Programs send none."""
    if origin is None:
        return True
    return origin != "null" and urlsplit(origin).netloc.lower() == host.lower()


def may_enter(peer: str | None, token: str | None, wanted: str) -> bool:
    """`wanted` is the cockpit's token; an empty one lets nobody in from outside."""
    if is_this_machine(peer):
        return True
    return bool(wanted) and token is not None and hmac.compare_digest(token.encode(), wanted.encode())
