"""A browser's side of the line: one kept-alive connection with its cookies, and no cache."""

import json
from urllib.parse import urlencode

import urllib3

PATIENCE_SECONDS = 120


class Unexpected(Exception):
    """A site's answer is not the one that the walk goes on from."""


class Browser:
    """What one person's browser sends to one site, one request after the other."""

    def __init__(self, address: str, cookies: dict[str, str] | None = None):
        self.cookies = dict(cookies or {})
        host, port = address.removeprefix("http://").split(":")
        self._pool = urllib3.HTTPConnectionPool(
            host, int(port), maxsize=1, timeout=PATIENCE_SECONDS, retries=False
        )

    def get(self, path: str, *, expect: int = 200) -> bytes:
        """The body of a page; raises Unexpected where the status is another."""
        return self._send("GET", path, expect=(expect,))

    def post_json(self, path: str, data, *, expect: tuple[int, ...] = (200, 201)) -> bytes:
        """The answer to JSON that is posted with the CSRF token of this browser's cookie."""
        return self._send("POST", path, expect=expect, **_json(data))

    def patch_json(self, path: str, data) -> bytes:
        return self._send("PATCH", path, expect=(200,), **_json(data))

    def post_form(self, path: str, data: dict[str, str]) -> bytes:
        """The answer to a form whose success leads elsewhere."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(data).encode()
        return self._send("POST", path, expect=(302,), headers=headers, body=body)

    def post_files(self, path: str, files: dict[str, tuple[str, bytes, str]]) -> bytes:
        """The answer to files that are uploaded: by field, (name, content, media type)."""
        body, content_type = urllib3.encode_multipart_formdata(files)
        headers = {"Content-Type": content_type}
        return self._send("POST", path, expect=(200, 201), headers=headers, body=body)

    def close(self) -> None:
        self._pool.close()

    def _send(self, method: str, path: str, *, expect: tuple[int, ...], headers=None, body=None):
        headers = dict(headers or {})
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method != "GET":
            headers["X-CSRFToken"] = self.cookies.get("csrftoken", "")
        answer = self._pool.urlopen(method, path, body=body, headers=headers, redirect=False)
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, value = cookie.split(";", 1)[0].split("=", 1)
            self.cookies[name] = value.strip('"')
        if answer.status not in expect:
            text = answer.data[:300].decode(errors="replace")
            raise Unexpected(f"{method} {path}: {answer.status} {text}")
        return answer.data


def _json(data) -> dict:
    return {"headers": {"Content-Type": "application/json"}, "body": json.dumps(data).encode()}
