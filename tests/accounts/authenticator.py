"""An authenticator app, as RFC 6238 and RFC 4226 describe it: written apart from the site's own."""

import base64
import hashlib
import hmac
import re
import time

from django.test import Client


def code(secret: str, *, periods_ahead: int = 0) -> str:
    """The six digits that the app shows now, or so many half minutes later."""
    counter = int(time.time()) // 30 + periods_ahead
    key = base64.b32decode(secret)
    digest = hmac.new(key, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] % 16
    number = int.from_bytes(digest[offset : offset + 4], "big") % 2**31
    return f"{number % 10**6:06}"


def set_up(client: Client) -> str:
    """Set a second factor up by its page; its secret."""
    page = client.get("/accounts/second-factor/set-up/").content.decode()
    [secret] = re.findall(r'<code id="secret">(\w+)</code>', page)
    answer = client.post("/accounts/second-factor/set-up/", {"code": code(secret)})
    assert answer.status_code == 302, answer.content.decode()
    return secret


def recovery_codes(client: Client) -> list[str]:
    """Those that are left, from their page."""
    page = client.get("/accounts/recovery-codes/").content.decode()
    return re.findall(r"<li><code>(\d{8})</code>", page)
