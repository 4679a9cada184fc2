from collections.abc import Callable
from itertools import count

import pytest

pytest.register_assert_rewrite("tests.services.site")

from tests import servers  # noqa: E402
from tests.services.site import Site, new_database  # noqa: E402


@pytest.fixture(scope="session")
def postgres_server():
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_address():
    """A Redis without its database number: each site takes one of its own."""
    with servers.redis_server() as url:
        yield url.rsplit("/", 1)[0]


@pytest.fixture(scope="session")
def make_site(postgres_server, redis_address, tmp_path_factory) -> Callable[..., Site]:
    """A site on PostgreSQL and Redis, in which nothing is built yet."""
    numbers = count()

    def make(**more: str) -> Site:
        number = next(numbers)
        return Site(
            tmp_path_factory.mktemp("site"),
            {
                "DATABASE_URL": new_database(postgres_server, f"site_{number}"),
                "CELERY_BROKER_URL": f"{redis_address}/{number}",
                **more,
            },
        )

    return make
