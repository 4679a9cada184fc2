"""Work outside the web process gives signs of life as long as it lasts, and no longer."""

import threading

from django.db import DatabaseError

from readerstudy.background import beating

PATIENCE_SECONDS = 20


def test_it_beats_until_the_end_and_no_longer():
    beats, twice = [], threading.Event()

    def beat():
        beats.append(True)
        if len(beats) >= 2:
            twice.set()

    before = set(threading.enumerate())
    with beating(beat, every=0.01):
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

    with beating(beat, every=0.01):
        assert again.wait(PATIENCE_SECONDS)
    assert "A heartbeat was not written" in caplog.text
