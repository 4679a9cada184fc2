import os
import socket
import sys

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from readerstudy.demo import people

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Create the demo studies (once) and serve them on this computer only."

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--build-only",
            action="store_true",
            help="Create the studies only, without serving them",
        )

    def handle(self, *, port, build_only, **_options):
        if not settings.DEMO:
            raise CommandError("This needs READERSTUDY_DEMO=1; `make demo` sets it.")
        if not build_only:
            _require_free(port)
        call_command("migrate", verbosity=0)
        self._build()
        self._tell(f"http://{HOST}:{port}/")
        if not build_only:
            self.stdout.flush()
            os.execv(sys.executable, _gunicorn(port))  # noqa: S606 (no shell, our own arguments)

    def _build(self) -> None:
        from readerstudy.demo import studies

        people.make_people()
        model = studies.phantom_model()
        for demo in studies.STUDIES:
            self.stdout.write(f"{demo.title} ...")
            studies.build(demo, model=model)
        call_command("load_published_study", investigator="investigator", stdout=self.stdout)

    def _tell(self, address: str) -> None:
        lines = [f"\nThe demo is running at {address} (on this computer only). Sign in as:"]
        lines += [
            f"  {username:<14} password  {people.PASSWORD.format(username=username)}"
            for username in people.SIGN_INS
        ]
        lines += ["All images, cases and readings in it are synthetic. Press Ctrl-C to stop.\n"]
        self.stdout.write("\n".join(lines))


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise CommandError(
                f"Port {port} is in use. Choose another one: make demo PORT={port + 1}"
            ) from None


def _gunicorn(port: int) -> list[str]:
    return [
        sys.executable, "-m", "gunicorn", "--chdir", str(settings.BASE_DIR),
        "--config", str(settings.BASE_DIR / "gunicorn.conf.py"),
        "--bind", f"{HOST}:{port}", "--log-level", "warning",
    ]  # fmt: skip
