"""Log lines by structlog: for a person at a console, or JSON, one object a line.

No personal data gets in. A request is told by its route, not by its address; a person, by the
number of the account; an exception by its type and where it was raised, since its text may
quote a row. Of a library's line only the fixed part is kept: the values are in its arguments.
"""

import logging
import traceback
from typing import Any

import structlog

from readerstudy.request_limits import CLIENT_GONE

OURS = ("readerstudy", "inference", "analysis")
PLAIN = ("celery", "gunicorn")  # which tell of tasks by number, and of processes
EXTRAS = ("number", "sha256", "check")
Event = dict[str, Any]


def logging_settings(*, format: str, level: str) -> dict[str, Any]:
    """Django's LOGGING: ``format`` is console or json."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=False, sort_keys=False)
    )
    extras = structlog.stdlib.ExtraAdder(allow=EXTRAS)
    formatter = {
        "()": LineFormatter,
        "foreign_pre_chain": [*shared, extras],
        "processors": [
            where_it_failed,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
        "keep_exc_info": True,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "filters": {
            "answered": {"()": "django.utils.log.CallbackFilter", "callback": _was_answered}
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        # What a decoder says of a bad file goes to the user as a problem, not to the log; what
        # Pillow says of any file, at DEBUG, are its texts. Of pydicom: see imaging/dicom.
        "loggers": {
            "PIL": {"level": "CRITICAL"},
            "django.request": {"filters": ["answered"]},
        },
        "root": {"handlers": ["console"], "level": level},
    }


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Leaves a library's values out of its line; of a text without any, they may be part."""

    def format(self, record: logging.LogRecord) -> str:
        record = logging.makeLogRecord(record.__dict__)  # other handlers have their own
        if record.name.split(".")[0] not in (*OURS, *PLAIN):
            record.msg, record.args = _fixed_part(record), ()
        return super().format(record)


def _was_answered(record: logging.LogRecord) -> bool:
    """Who hangs up is no matter for a warning: the request's own line says it, as of all."""
    return getattr(record, "status_code", None) != CLIENT_GONE


def _fixed_part(record: logging.LogRecord) -> str:
    if hasattr(record, "status_code"):  # of Django's line on an answer, all else is values
        return f"answered {record.status_code}"
    return str(record.msg) if record.args else f"a line of {record.module}:{record.lineno}"


def where_it_failed(_logger: Any, _method: str, event: Event) -> Event:
    """Put the type of an exception and where it was raised in the place of its text."""
    raised = event.pop("exc_info", None)
    record = event.get("_record")
    raised = raised or (record and record.exc_info)
    if record:
        record.exc_info = record.exc_text = None  # or the formatter adds its text
    if isinstance(raised, tuple) and raised[0]:
        kind, _error, trace = raised
        event["exception"] = f"{kind.__module__}.{kind.__qualname__}"
        event["raised_at"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(trace, limit=-12)
        ]
    return event
