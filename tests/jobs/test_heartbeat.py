"""Work outside the web process gives signs of life as long as it lasts, and no longer."""

import threading
import time

import pytest
from django.db import DatabaseError, OperationalError

from readerstudy.jobs.heartbeat import heartbeat

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


def test_a_heartbeat_while_the_database_is_away_is_one_line_in_the_log(caplog):
    again = threading.Event()

    def beat():
        again.set()
        raise OperationalError("server closed the connection")

    with heartbeat(beat, every=0.01):
        assert again.wait(PATIENCE_SECONDS)
    assert {bool(line.exc_info) for line in caplog.records} == {False}


def test_work_that_lets_its_deadline_pass_is_said_so_once():
    ended = threading.Event()
    overdue = []

    def end():
        overdue.append(True)
        ended.set()

    with heartbeat(lambda: None, every=0.01, seconds=0.05, overdue=end):
        assert ended.wait(PATIENCE_SECONDS)
        time.sleep(0.05)
    assert overdue == [True]


def test_work_that_ends_before_its_deadline_is_left_alone():
    with heartbeat(lambda: None, every=0.01, seconds=PATIENCE_SECONDS, overdue=pytest.fail):
        time.sleep(0.05)
