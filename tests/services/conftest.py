from collections.abc import Callable

import pytest

pytest.register_assert_rewrite("tests.services.site")

from tests import once  # noqa: E402
from tests.services.site import Site  # noqa: E402
from tests.services.templates import new_database  # noqa: E402


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The run's one PostgreSQL; each site has a database of its own."""
    return once.server("postgres", "postgres")


@pytest.fixture(scope="session")
def redis_address() -> str:
    """The run's one Redis, without a database's number: each site takes one of its own."""
    return once.server("redis", "redis").rsplit("/", 1)[0]


@pytest.fixture(scope="session")
def make_site(postgres_server, redis_address, tmp_path_factory) -> Callable[..., Site]:
    """A site on PostgreSQL and Redis, in which nothing is built yet."""

    def make(**more: str) -> Site:
        number = once.number("site")
        return Site(
            tmp_path_factory.mktemp("site"),
            {
                "DATABASE_URL": new_database(postgres_server, f"site_{number}"),
                "CELERY_BROKER_URL": f"{redis_address}/{number}",
                **more,
            },
        )

    return make
