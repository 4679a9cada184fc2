"""Call a WSGI application as a server does, without the test client and what it brings along."""

import io
import re
from urllib.parse import urlencode


def call(application, method: str, path: str, *, sign_in: tuple[str, str] | None = None) -> int:
    """The status of one request; with ``sign_in``, the sign-in form filled in and sent."""
    if sign_in is None:
        return _request(application, method, path)[0]
    _, headers, page = _request(application, "GET", path)
    token, *_ = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    [cookie] = [v.split(";")[0] for _, v in headers if v.lstrip().startswith("csrftoken=")]
    form = {"csrfmiddlewaretoken": token, "username": sign_in[0], "password": sign_in[1]}
    return _request(application, method, path, body=urlencode(form).encode(), cookie=cookie)[0]


def _request(application, method: str, path: str, *, body: bytes = b"", cookie: str = ""):
    answer = []
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_COOKIE": cookie,
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    chunks = application(environ, lambda status, headers, _=None: answer.extend([status, headers]))
    page = b"".join(chunks).decode()
    if hasattr(chunks, "close"):
        chunks.close()
    return int(answer[0].split()[0]), answer[1], page
