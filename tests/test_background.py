"""Work outside the web process gives signs of life as long as it lasts, and no longer."""

import threading

import pytest
from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.utils import translation

from readerstudy import outages
from readerstudy.background import heartbeat
from readerstudy.celery import app, warn_of_queues_left

PATIENCE_SECONDS = 20


def test_it_beats_until_the_end_and_no_longer():
    beats, twice = [], threading.Event()

    def beat():
        beats.append(True)
        if len(beats) >= 2:
            twice.set()

    before = set(threading.enumerate())
    with heartbeat(beat, every=0.01):
        assert twice.wait(PATIENCE_SECONDS)
        added = set(threading.enumerate()) - before
        assert added
    assert not any(thread.is_alive() for thread in added)


def test_a_beat_that_the_database_does_not_take_is_told_and_tried_again(caplog):
    beats, again = [], threading.Event()

    def beat():
        beats.append(True)
        if len(beats) > 1:
            again.set()
        raise DatabaseError("database is locked")

    with heartbeat(beat, every=0.01):
        assert again.wait(PATIENCE_SECONDS)
    assert "A heartbeat was not written" in caplog.text


OURS = ("readerstudy.", "inference.", "analysis.")
app.loader.import_default_modules()
TASKS = sorted(name for name in app.tasks if name.startswith(OURS))


def _away(monkeypatch, error: Exception) -> None:
    def fail():
        raise error

    monkeypatch.setattr(connection, "ensure_connection", fail)
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(outages, "SECONDS_BETWEEN_ATTEMPTS", 0)


def _do(name: str) -> None:
    what = {"inference.tasks.run_jobs": ([1],)}.get(name, (1,))
    app.tasks[name](*(() if name.endswith((".reap", ".make")) else what))


@pytest.mark.parametrize("name", TASKS)
def test_a_message_that_comes_while_the_database_is_away_is_one_line_in_the_log(
    name, monkeypatch, caplog
):
    _away(monkeypatch, OperationalError("server closed the connection"))
    with translation.override("zh-hans"):  # of whoever's request this process answered last
        _do(name)
    last = caplog.records[-1]
    assert last.levelname == "WARNING"
    task = app.tasks[name]  # its name on the wire outlives that of its module
    what = f"{task.__module__}.{name.rsplit('.', 1)[1]}"
    assert f"The database is unavailable; {what} is left for later" == last.message
    assert not [line for line in caplog.records if line.exc_info]


def test_a_heartbeat_while_the_database_is_away_is_one_line_in_the_log(caplog):
    again = threading.Event()

    def beat():
        again.set()
        raise OperationalError("server closed the connection")

    with heartbeat(beat, every=0.01):
        assert again.wait(PATIENCE_SECONDS)
    assert {bool(line.exc_info) for line in caplog.records} == {False}


def test_a_wrong_query_of_a_task_is_a_failure(monkeypatch):
    _away(monkeypatch, ProgrammingError("no such column"))
    with pytest.raises(ProgrammingError):
        _do("inference.tasks.reap")


def test_a_worker_that_leaves_queues_to_others_says_so(monkeypatch, caplog):
    warn_of_queues_left()
    assert not caplog.records
    monkeypatch.setattr(app.amqp.queues, "_consume_from", {"inference": None})
    warn_of_queues_left()
    assert "takes nothing from imports and analysis" in caplog.text
