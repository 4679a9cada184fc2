"""A real nginx with the files that are shipped, before a real site: uploads over a megabyte reach
the site, and a client can't say where it comes from."""

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests import servers
from tests.docker.compose_file import FOLDER
from tests.services.build import PASSWORD
from tests.services.site import Site, Sketch

pytestmark = pytest.mark.services
HOST = "study.example.org"
SHIPPED = {
    "compose": FOLDER / "proxy" / "site.conf.template",
    "debian": FOLDER / "debian" / "nginx.conf",
}
AROUND = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    """A site that is told that it is behind a proxy."""
    more = {"READERSTUDY_BEHIND_PROXY": "1", "READERSTUDY_HTTPS": "1", "ALLOWED_HOSTS": HOST,
            "READERSTUDY_SITE_URL": f"https://{HOST}"}  # fmt: skip
    site = Site(tmp_path_factory.mktemp("behind"), more)
    site.build(Sketch("read", cases=0, steps=()))
    with servers.gunicorn(site.env) as address:
        yield site, address


def _configured(text: str, *, folder: Path, address: str, ports: tuple[int, int]) -> str:
    """A shipped file, with the ports and places of a test."""
    http, https = (str(port) for port in ports)
    host = address.removeprefix("http://")
    for old, new in (
        ("${SITE_HOST}", HOST),
        ("${HTTPS_PORT}", https),
        ("http://web:8000", f"http://{host}"),
        ("http://127.0.0.1:8000", f"http://{host}"),
        ("/etc/nginx/tls/", f"{folder}/"),
        ("/etc/ssl/readerstudy/", f"{folder}/"),
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{https} ssl http2;"),
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl http2;\n", ""),
    ):
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module", params=SHIPPED)
def proxy(request, upstream, tmp_path_factory):
    """nginx with the file of one of the two ways; its HTTP and HTTPS addresses."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/bin")
    assert program, "nginx is missing: apt-get install nginx-light"
    folder, ports = tmp_path_factory.mktemp("nginx"), (servers.free_port(), servers.free_port())
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         f"/CN={HOST}", "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    text = SHIPPED[request.param].read_text()
    configured = _configured(text, folder=folder, address=upstream[1], ports=ports)
    assert "${" not in configured
    (folder / "site.conf").write_text(configured)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with servers.started(command) as process:
        addresses = f"http://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[1]}"
        with visitor() as monitor:
            servers.wait_until(
                lambda: monitor.get(f"{addresses[1]}/healthz").status_code == 200,
                what="nginx", process=process,
            )  # fmt: skip
        yield addresses


def visitor() -> httpx.Client:
    return httpx.Client(trust_env=False, verify=False, headers={"Host": HOST}, timeout=30)


def test_plain_http_leads_to_https(proxy):
    with visitor() as client:
        answer = client.get(f"{proxy[0]}/accounts/sign-in/")
    assert answer.status_code == 301
    assert answer.headers["location"].startswith(f"https://{HOST}")


def test_a_page_is_served_and_not_redirected_for_ever(proxy):
    with visitor() as client:
        answer = client.get(f"{proxy[1]}/accounts/sign-in/")
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"]


def test_a_large_upload_reaches_the_site_which_answers_it(proxy):
    """nginx by itself refuses a body over 1 MiB with 413."""
    with visitor() as client:
        body, kind = b"x" * (3 * 2**20), {"Content-Type": "text/plain"}
        answer = client.post(
            f"{proxy[1]}/admin/cohorts/cohort/1/import/", content=body, headers=kind
        )
    assert answer.status_code != 413
    assert b"nginx" not in answer.content


def test_a_client_cannot_say_where_it_comes_from(proxy, upstream):
    site, _address = upstream
    with visitor() as client:
        page = client.get(f"{proxy[1]}/accounts/sign-in/")
        token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        client.post(
            f"{proxy[1]}/accounts/sign-in/",
            data={"username": "anna", "password": f"not {PASSWORD}", "csrfmiddlewaretoken": token},
            headers={"X-Forwarded-For": "203.0.113.9", "Referer": f"https://{HOST}/"},
        )
    sql = "SELECT address FROM audit_auditevent WHERE address IS NOT NULL"
    addresses = {address for (address,) in site.rows(sql)}
    assert addresses == {"127.0.0.1"}
