"""The site's web server: no client holds a thread, and none is believed what it may not say."""

import io
import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from readerstudy.accounts import request_body_limits
from readerstudy.operations.serving import (
    asgi_application,
    asgi_to_wsgi_request,
    client_connections,
)
from readerstudy.operations.serving.asgi_to_wsgi_request import IN_MEMORY
from tests.operations.served import ask, connected, everything_from, get, served

BIG = 8 * 1024 * 1024
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /read HTTP/1.1\r\nHost: localhost\r\n"


class SmallSite:
    """A WSGI application that knows what was done to it."""

    def __init__(self):
        self.closed = threading.Event()
        self.failures: list[Exception] = []

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/":
            kept = {key: value for key, value in environ.items() if isinstance(value, str)}
            return self._answer(start_response, [json.dumps(kept).encode()])
        if path == "/read":
            try:
                content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            except OSError as error:
                self.failures.append(error)
                raise
            return self._answer(start_response, [str(len(content)).encode()])
        if path == "/refuse":
            return self._answer(start_response, [b"not yours"], status="403 Forbidden")
        if path == "/parts":
            return self._answer(start_response, (b"x" * 1024 for _ in range(BIG // 1024)))
        if path == "/file":
            file = io.BytesIO(b"f" * BIG)
            file.close = self.closed.set
            start_response("200 OK", [("Content-Length", str(BIG))])
            return environ["wsgi.file_wrapper"](file)
        raise LookupError(path)

    def _answer(self, start_response, parts, *, status="200 OK"):
        start_response(status, [("Content-Type", "text/plain")])
        return parts


@pytest.fixture
def site():
    return SmallSite()


@pytest.fixture
def port(site):
    with served(site) as port:
        yield port


def _is_served(port: int) -> bool:
    began = time.monotonic()
    return get(port).startswith(b"HTTP/1.1 200") and time.monotonic() - began < 2


@pytest.mark.parametrize(
    "half",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /he", id="half a line"),
        pytest.param(GET + b"Accept: te", id="half a header"),
        pytest.param(POST + b"Content-Length: 100\r\n\r\nabc", id="half a small body"),
        pytest.param(b"GET /parts HTTP/1.1\r\nHost: localhost\r\n\r\n", id="reads no answer"),
        pytest.param(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n", id="reads no file"),
        pytest.param(GET + b"\r\n", id="idle"),
    ],
)
def test_slow_clients_hold_no_thread(port, half):
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(port, half))
        time.sleep(0.3)
        assert _is_served(port)
        assert _is_served(port)


def test_large_bodies_that_stall_leave_threads_for_others(port):
    head = POST + f"Content-Length: {BIG}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(port, head))
        time.sleep(0.3)
        assert _is_served(port)


def test_slow_bodies_that_are_no_uploads_hold_no_place_of_one(port, monkeypatch):
    monkeypatch.setattr(asgi_application, "PLACES_SECONDS", 0.5)
    head = POST + f"Content-Length: {request_body_limits.DATA_BYTES}\r\n\r\n".encode()
    upload = POST + f"Connection: close\r\nContent-Length: {BIG}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(connected(port, head + b"x" * 10_000))
        time.sleep(0.3)
        assert ask(port, upload + b"x" * BIG).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "half", [b"", b"GET /he", GET, GET + b"\r\n" + GET], ids=["nothing", "line", "head", "second"]
)
def test_a_request_must_be_whole_in_time(port, monkeypatch, half):
    monkeypatch.setattr(client_connections, "HEAD_SECONDS", 0.4)
    with connected(port, half) as link:
        began = time.monotonic()
        try:
            while time.monotonic() - began < 8:  # byte by byte: it helps nothing
                link.sendall(b"x")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("length", [1000, BIG], ids=["small", "large"])
def test_a_body_must_come_at_the_least_rate(site, port, monkeypatch, length):
    monkeypatch.setattr(asgi_to_wsgi_request, "PATIENCE_SECONDS", 0.4)
    with connected(port, POST + f"Content-Length: {length}\r\n\r\n".encode()) as link:
        began = time.monotonic()
        threading.Thread(target=_drip, args=(link,), daemon=True).start()
        answer = everything_from(link)
        assert time.monotonic() - began < 7
    assert answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 500"))
    assert _is_served(port)


def _drip(link: socket.socket) -> None:
    try:
        while True:
            link.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        pass


@pytest.mark.parametrize("path", ["/parts", "/file"])
def test_an_answer_must_be_read_at_the_least_rate(port, monkeypatch, path):
    monkeypatch.setattr(client_connections, "PATIENCE_SECONDS", 0.4)
    monkeypatch.setattr(client_connections, "LEAST_RATE", 2**30)
    with connected(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()) as link:
        time.sleep(3)
        assert len(everything_from(link)) < BIG


def test_a_file_is_closed_when_its_reader_is_gone(site, port, monkeypatch):
    monkeypatch.setattr(client_connections, "PATIENCE_SECONDS", 0.4)
    monkeypatch.setattr(client_connections, "LEAST_RATE", 2**30)
    with connected(port, b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        assert site.closed.wait(5)


def test_the_upload_of_a_client_who_hangs_up_ends(site, port):
    with connected(port, POST + f"Content-Length: {BIG}\r\n\r\n".encode() + b"x" * 100_000):
        time.sleep(0.3)
    deadline = time.monotonic() + 5
    while not site.failures and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [type(error) for error in site.failures] == [asgi_to_wsgi_request.ClientGone]


def test_a_refusal_is_read_by_who_is_still_sending(port):
    head = (
        b"POST /refuse HTTP/1.1\r\nHost: localhost\r\n" + f"Content-Length: {BIG}\r\n\r\n".encode()
    )
    with connected(port, head) as link:
        link.sendall(b"x" * (BIG // 2))
        assert link.recv(65536).startswith(b"HTTP/1.1 403")


def test_who_goes_on_sending_after_a_refusal_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(client_connections, "DRAIN_SECONDS", 0.4)
    head = (
        b"POST /refuse HTTP/1.1\r\nHost: localhost\r\n" + f"Content-Length: {BIG}\r\n\r\n".encode()
    )
    with connected(port, head) as link:
        began = time.monotonic()
        _drip(link)
        assert time.monotonic() - began < 5


def test_where_there_are_too_many_the_longest_unfinished_goes(site):
    with served(site, connections=10) as port, ExitStack() as stack:
        half = [stack.enter_context(connected(port, b"GET /")) for _ in range(10)]
        time.sleep(0.2)
        assert _is_served(port)
        assert _is_closed(half[0])
        assert not _is_closed(half[-1])


def test_what_is_held_in_memory_is_bounded(port, monkeypatch):
    monkeypatch.setattr(client_connections, "HELD_BYTES", 300_000)
    head = POST + b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000
    with ExitStack() as stack:
        half = []
        for _ in range(5):
            half.append(stack.enter_context(connected(port, head)))
            time.sleep(0.2)
        assert [_is_closed(link) for link in half] == [True, True, False, False, False]
        half[-1].sendall(b"x" * 100_000)
        assert half[-1].recv(65536).startswith(b"HTTP/1.1 200")


def _is_closed(link: socket.socket) -> bool:
    link.settimeout(0.2)
    try:
        return link.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_a_request_in_work_never_goes_for_those_that_wait():
    goes_on = threading.Event()

    def slow(environ, start_response):
        goes_on.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    with served(slow, connections=5) as port, ExitStack() as stack:
        asked = GET + b"Connection: close\r\n\r\n"
        at_work = [stack.enter_context(connected(port, asked)) for _ in range(3)]
        time.sleep(0.2)
        for _ in range(20):
            stack.enter_context(connected(port, b"GET /"))
        time.sleep(0.2)
        goes_on.set()
        assert [everything_from(link)[-4:] for link in at_work] == [b"done"] * 3


@pytest.mark.parametrize("path", ["/parts", "/file"])
def test_long_answers_arrive_whole(port, path):
    head, _, content = get(port, path).partition(b"\r\n\r\n")
    assert f"content-length: {BIG}" in head.decode().lower()
    assert len(content) == BIG


@pytest.mark.parametrize("length", [0, 1, IN_MEMORY, IN_MEMORY + 1, BIG])
def test_bodies_arrive_whole(port, length):
    head = POST + f"Connection: close\r\nContent-Length: {length}\r\n\r\n".encode()
    assert ask(port, head + b"x" * length).endswith(b"\r\n\r\n" + str(length).encode())


def test_a_connection_is_used_again(port):
    with connected(port) as link:
        for _ in range(3):
            link.sendall(POST + b"Content-Length: 3\r\n\r\nabc")
            answer = b""
            while not answer.endswith(b"\r\n\r\n3"):
                answer += link.recv(65536)


@pytest.mark.parametrize("count", [1, 2], ids=["one", "pipelined"])
@pytest.mark.parametrize(
    "request_",
    [GET + b"\r\n", POST + b"Content-Length: 3\r\n\r\nabc",
     b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ids=["page", "form", "file"],
)  # fmt: skip
def test_who_sends_no_more_gets_the_answers_to_what_was_whole(port, request_, count):
    with connected(port, request_ * count) as link:
        link.shutdown(socket.SHUT_WR)
        assert everything_from(link).count(b"HTTP/1.1 200 OK") == count


def test_who_sends_no_more_must_still_read_at_the_least_rate(site, port, monkeypatch):
    monkeypatch.setattr(client_connections, "PATIENCE_SECONDS", 0.4)
    monkeypatch.setattr(client_connections, "LEAST_RATE", 2**30)
    with connected(port, b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n") as link:
        link.shutdown(socket.SHUT_WR)
        assert site.closed.wait(5)


@pytest.mark.parametrize("half", [b"", b"GET /he", POST + b"Content-Length: 9\r\n\r\nabc"])
def test_who_sends_no_more_and_was_not_through_is_let_go(port, half):
    with connected(port, half) as link:
        link.shutdown(socket.SHUT_WR)
        link.settimeout(3)
        assert link.recv(1) == b""


def test_an_exception_ends_in_a_plain_500(port):
    answer = get(port, "/unknown")
    assert answer.startswith(b"HTTP/1.1 500")
    assert b"LookupError" not in answer


def test_endless_headers_end_the_connection(port):
    with connected(port, GET) as link:
        for _ in range(64):
            if _is_cut_off(link, b"X-Long: " + b"x" * 65536 + b"\r\n"):
                break
        else:
            pytest.fail("4 MiB of headers were taken")
    assert _is_served(port)


def _is_cut_off(link: socket.socket, more: bytes) -> bool:
    try:
        link.sendall(more)
        time.sleep(0.02)
    except OSError:
        return True
    return False


AMBIGUOUS = {
    "both lengths": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": b"Content-Length: +3\r\n\r\nabc",
    "a negative length": b"Content-Length: -3\r\n\r\nabc",
    "a folded header": b"X-A: b\r\n Content-Length: 3\r\n\r\nabc",
    "a space before the colon": b"Content-Length : 3\r\n\r\nabc",
    "a bare line feed": b"X-A: b\nContent-Length: 3\r\n\r\nabc",
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "chunked, spelled oddly": b"Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_body_of_unclear_length_is_refused(port, name):
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = ask(port, POST + AMBIGUOUS[name] + smuggled)
    assert answer.split(b" ", 2)[1] in (b"400", b"411", b"501")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_nothing_that_a_proxy_might_say_is_believed(port):
    said = (
        b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
        b"X-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6;proto=https\r\nX_Forwarded_For: 7.7.7.7\r\n"
        b"X-Forwarded-Ssl: on\r\nX-Forwarded-Prefix: /evil\r\nScript-Name: /evil\r\n"
    )
    answer = ask(port, GET + said + b"Connection: close\r\n\r\n")
    environ = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["SERVER_NAME"] == "127.0.0.1"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["HTTP_X_FORWARDED_FOR"] == "6.6.6.6"  # which the site's settings decide about


def test_the_environment_is_what_was_asked(port):
    request = b"GET /?q=%C3%A9&a=b HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\nCookie: b=2\r\n"
    environ = json.loads(ask(port, request + b"Connection: close\r\n\r\n").split(b"\r\n\r\n", 1)[1])
    assert environ["QUERY_STRING"] == "q=%C3%A9&a=b"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_places_for_large_bodies_are_waited_for_and_not_for_ever(port, monkeypatch):
    monkeypatch.setattr(asgi_application, "PLACES_SECONDS", 0.5)
    head = POST + f"Content-Length: {BIG}\r\n\r\n".encode()
    with connected(port, head):
        time.sleep(0.2)
        with connected(port, head) as second:
            assert second.recv(65536).startswith(b"HTTP/1.1 503")
