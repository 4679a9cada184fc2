"""The messages of workers: what they do with the database away, and who hears of them."""

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.utils import translation

from readerstudy import database_outages
from readerstudy.celery import app, warn_of_queues_left
from readerstudy.jobs import former_tasks, kinds
from readerstudy.jobs.broker import QUEUES

OURS = ("jobs.", "readerstudy.", "inference.", "analysis.")
app.loader.import_default_modules()
TASKS = sorted(name for name in app.tasks if name.startswith(OURS))


def _away(monkeypatch, error: Exception) -> None:
    def fail():
        raise error

    monkeypatch.setattr(connection, "ensure_connection", fail)
    monkeypatch.setattr(database_outages, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(database_outages, "SECONDS_BETWEEN_ATTEMPTS", 0)


def _do(name: str) -> None:
    arguments = {
        "jobs.run": ("import", [1]),
        "jobs.reap": ("imports",),
        "inference.tasks.run_jobs": ([1],),
        "readerstudy.cohorts.tasks.work": (1,),
        "analysis.tasks.execute": (1,),
    }
    app.tasks[name](*arguments.get(name, ()))


@pytest.mark.parametrize("name", TASKS)
def test_a_message_that_comes_while_the_database_is_away_is_one_line_in_the_log(
    name, monkeypatch, caplog
):
    _away(monkeypatch, OperationalError("server closed the connection"))
    with translation.override("zh-hans"):  # of whoever's request this process answered last
        _do(name)
    last = caplog.records[-1]
    assert last.levelname == "WARNING"
    what = "reap" if name in {"jobs.reap", *former_tasks.FORMER_REAPS} else "run"
    expected = f"The database is unavailable; readerstudy.jobs.tasks.{what} is left for later"
    assert expected == last.message
    assert not [line for line in caplog.records if line.exc_info]


def test_a_wrong_query_of_a_task_is_a_failure(monkeypatch, caplog):
    _away(monkeypatch, ProgrammingError("no such column"))
    with pytest.raises(ProgrammingError):
        _do("jobs.run")
    _do("jobs.reap")
    assert {line.levelname for line in caplog.records if line.exc_info} == {"ERROR"}


def test_a_worker_that_leaves_queues_to_others_says_so(monkeypatch, caplog):
    warn_of_queues_left()
    assert not caplog.records
    monkeypatch.setattr(app.amqp.queues, "_consume_from", {"inference": None})
    warn_of_queues_left()
    assert "takes nothing from imports and analysis" in caplog.text


def test_every_kind_has_a_queue_that_workers_take_from_and_every_queue_a_kind():
    assert {kinds.get(name).celery_queue for name in kinds.names()} == set(QUEUES)
    assert [name for name in kinds.names() if kinds.get(name).load() is None] == []


def test_the_names_of_messages_that_an_earlier_release_sent_are_known():
    assert set(TASKS) - {"jobs.run", "jobs.reap"} == {
        "inference.tasks.run_jobs",
        "inference.tasks.reap",
        "readerstudy.cohorts.tasks.work",
        "readerstudy.cohorts.tasks.reap",
        "analysis.tasks.execute",
        "analysis.tasks.draw",
        "analysis.tasks.reap",
        "readerstudy.handover.tasks.make",
        "readerstudy.handover.tasks.reap",
    }
