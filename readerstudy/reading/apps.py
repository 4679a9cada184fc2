from django.apps import AppConfig


class ReadingConfig(AppConfig):
    name = "readerstudy.reading"
    label = "reading"

    def ready(self):
        from readerstudy.audit.verification import register_checker
        from readerstudy.reading import witnessed_rows  # noqa: F401 (it registers what is witnessed)
        from readerstudy.reading.audit_checkers import (
            OrderChecker,
            PresentationChecker,
            ReadingChecker,
        )
        from readerstudy.reading.audit_study_checkers import RoleChecker, StateChecker

        for checker in (
            ReadingChecker,
            PresentationChecker,
            OrderChecker,
            StateChecker,
            RoleChecker,
        ):
            register_checker(checker)
