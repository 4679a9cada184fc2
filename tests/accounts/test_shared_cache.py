"""The shared cache runs nobody's code, and counts right when many processes count at once."""

import base64
import pickle
import subprocess
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client
from django.utils import timezone

from readerstudy.accounts import json_cache, redis_json_cache, throttle
from readerstudy.accounts.models import SharedCache
from tests import factories
from tests.servers import ROOT, postgres, redis_server, site_environment


class Attack:
    """A value that, unpickled, leaves a file behind."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def redis_cache():
    with redis_server() as url:
        yield redis_json_cache.RedisJSONCache(url, {})


@pytest.mark.django_db
def test_a_pickle_in_the_table_is_never_loaded(tmp_path):
    left = tmp_path / "ran"
    text = base64.b64encode(pickle.dumps(Attack(left))).decode()
    later = timezone.now() + timedelta(hours=1)
    cache.set("used", 1)
    SharedCache.objects.update(value=text, expires=later)
    assert cache.get("used", "nothing") == "nothing"
    with pytest.raises(ValueError, match="no number"):
        cache.incr("used")
    # As a row of whatever a sign-in looks up, too.
    factories.make_user("anna")
    form = {"username": "anna", "password": "wrong"}
    Client().post("/accounts/sign-in/", form)
    assert SharedCache.objects.update(value=text, expires=later) > 1
    Client().post("/accounts/sign-in/", form)
    assert not left.exists()
    assert pickle.loads(base64.b64decode(text)) is None
    assert left.exists()


def test_a_pickle_in_redis_is_never_loaded(tmp_path, redis_cache):
    left = tmp_path / "ran"
    redis_cache.set("used", 1)
    client = redis_cache._cache.get_client()
    client.set(redis_cache.make_key("used"), pickle.dumps(Attack(left)))
    assert redis_cache.get("used", "nothing") == "nothing"
    assert not left.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["database", "redis"])
@pytest.mark.parametrize(
    "foreign", ["no JSON {", '"JSON, but no number"', "[" * 200_000, str(2**63 - 1)],
    ids=["no JSON", "no number", "too deep", "too large"],
)  # fmt: skip
def test_what_another_wrote_into_the_cache_fails_no_sign_in_and_stops_no_counting(
    kind, foreign, request, monkeypatch
):
    shared = cache
    if kind == "redis":
        shared = request.getfixturevalue("redis_cache")
        monkeypatch.setattr(caches._connections, "default", shared, raising=False)
    factories.make_user("anna")
    wrong = {"username": "anna", "password": "wrong"}

    def guess() -> bool:
        answer = Client().post("/accounts/sign-in/", wrong)
        assert answer.status_code == 200
        return "Too many failed attempts" in answer.content.decode()

    assert not guess()
    overwrite_all(shared, foreign)
    assert [guess() for _ in range(throttle.FREE + 1)][-1]


def overwrite_all(shared, text: str) -> None:
    """Whatever is under the keys of this cache becomes this text."""
    if not isinstance(shared, redis_json_cache.RedisJSONCache):
        assert SharedCache.objects.update(value=text)
        return
    client = shared._cache.get_client()
    keys = client.keys()
    assert keys
    for key in keys:
        client.set(key, text, keepttl=True)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["database", "redis"])
def test_a_value_that_is_no_json_counts_as_none(kind, request):
    shared = cache if kind == "database" else request.getfixturevalue("redis_cache")
    shared.set("key", 5)
    overwrite_all(shared, "no JSON {")
    assert shared.get("key", "none") == "none"
    assert "key" not in shared
    assert shared.get_many(["key"]) == {}
    with pytest.raises(ValueError, match="no number"):
        shared.incr("key")
    assert shared.add("key", 1)
    assert shared.incr("key") == 2


def test_a_list_in_redis_counts_as_none(redis_cache):
    redis_cache._cache.get_client().lpush(redis_cache.make_key("key"), "not json")
    assert redis_cache.get("key") is None
    with pytest.raises(ValueError, match="no number"):
        redis_cache.incr("key")
    assert redis_cache.add("key", 1)
    assert redis_cache.incr("key") == 2


@pytest.mark.django_db
def test_upgrading_empties_the_table():
    cache.set("pickled", 1, timeout=None)
    migration = import_module("readerstudy.accounts.migrations.0004_json_cache")
    from django.apps import apps

    migration.empty(apps, connection.schema_editor)
    assert not SharedCache.objects.exists()


def test_the_settings_name_no_cache_that_unpickles_what_processes_share(tmp_path):
    tell = "from readerstudy import settings as s; c = s.CACHES['default'];print(c['BACKEND'])"
    told = []
    for url in ("", "redis://127.0.0.1:1/0"):
        env = site_environment(tmp_path, READERSTUDY_CACHE_URL=url)
        ran = subprocess.run([sys.executable, "-c", tell], cwd=ROOT, env=env, check=True,
                             capture_output=True, text=True)  # fmt: skip
        told.append(ran.stdout.split())
    assert told == [
        [f"{json_cache.__name__}.DatabaseJSONCache"],
        [f"{redis_json_cache.__name__}.RedisJSONCache"],
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["database", "redis"])
def test_it_does_what_a_cache_does(kind, request):
    shared = cache if kind == "database" else request.getfixturevalue("redis_cache")
    assert shared.add("key", [1.5, "ü", None], timeout=60)
    assert not shared.add("key", 2, timeout=60)
    assert shared.get("key") == [1.5, "ü", None]
    shared.set("key", 5)
    assert shared.incr("key") == 6
    assert shared.decr("key", 4) == 2
    assert shared.touch("key", 60)
    assert shared.delete("key")
    assert not shared.delete("key")
    assert shared.get("key", "none") == "none"
    with pytest.raises(ValueError, match=r"no number|not found"):
        shared.incr("key")
    shared.set("key", 1, timeout=None)
    shared.clear()
    assert "key" not in shared


@pytest.mark.django_db
def test_what_has_expired_is_not_there_and_can_be_added_again():
    cache.set("key", 1, timeout=60)
    SharedCache.objects.update(expires=timezone.now())
    assert cache.get("key") is None
    with pytest.raises(ValueError, match=r"no number|not found"):
        cache.incr("key")
    assert cache.add("key", 2)
    assert cache.get("key") == 2


@pytest.mark.django_db
def test_what_has_expired_is_removed_and_nothing_else_ever_is(monkeypatch):
    shared = json_cache.DatabaseJSONCache("", {"MAX_ENTRIES": 1})
    monkeypatch.setattr(json_cache, "SECONDS_BETWEEN_PURGES", 0)
    shared.set("old", 1)
    SharedCache.objects.update(expires=timezone.now())
    for number in range(10):
        shared.add(f"key-{number}", number)
    assert {row.cache_key for row in SharedCache.objects.all()} == {
        shared.make_key(f"key-{number}") for number in range(10)
    }


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def site(request, tmp_path):
    """The environment of a site on each kind of store."""
    if request.param == "sqlite":
        yield site_environment(tmp_path)
    elif request.param == "postgresql":
        with postgres() as url:
            yield site_environment(tmp_path, DATABASE_URL=url)
    else:
        with redis_server() as url:
            yield site_environment(tmp_path, READERSTUDY_CACHE_URL=url)


COUNT = """
import multiprocessing, time
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.core.cache import cache, caches
from django.core.management import call_command
from django.db import connection
processes = multiprocessing.get_context("fork")
all_there = processes.Barrier(3)
def in_thread(_number):
    won = sum(cache.add(f"once-{n}", 1, timeout=60) for n in range(20))
    for _ in range(20):
        cache.incr("count")
    connection.close()
    return won
def in_process(_number):
    all_there.wait(60)
    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(in_thread, range(4)))
call_command("migrate", "accounts", verbosity=0)
cache.set("count", 0, timeout=600)
for n in range(10):  # those of the first ten are there, and have expired
    cache.set(f"once-{n}", 1, timeout=1)
time.sleep(1.1)
connection.close()  # no process has another's connection
caches.close_all()
with processes.Pool(3) as pool:
    won = sum(pool.map(in_process, range(3), chunksize=1))
print(won, cache.get("count"))
"""


@pytest.mark.services
def test_of_many_processes_and_threads_one_adds_and_every_count_counts(site):
    ran = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, env=site, check=True,
                         stdout=subprocess.PIPE, text=True, timeout=300)  # fmt: skip
    won, count = ran.stdout.split()
    assert int(won) == 20
    assert int(count) == 3 * 4 * 20
