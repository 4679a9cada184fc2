"""The worker that gunicorn starts (gunicorn.conf.py)."""

from uvicorn_worker import UvicornWorker

from readerstudy.operations.serving.asgi_application import Application
from readerstudy.operations.serving.client_connections import Connection


class Worker(UvicornWorker):
    """Takes requests in an event loop and answers them in ``threads`` threads.

    Of ``X-Forwarded-*`` it believes nothing: what a proxy may say is for the site's settings.
    """

    CONFIG_KWARGS = {
        "http": Connection,
        "loop": "asyncio",
        "ws": "none",
        "lifespan": "on",
        "interface": "asgi3",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
    }

    def load_wsgi(self) -> None:
        """What uvicorn is to serve: the site, which gunicorn loads as WSGI."""
        super().load_wsgi()
        self.wsgi = Application(
            self.wsgi, threads=self.cfg.threads, connections=self.cfg.worker_connections
        )
