from django.apps import AppConfig


class ReadingConfig(AppConfig):
    name = "readerstudy.reading"
    label = "reading"

    def ready(self):
        from readerstudy.audit.verification import register_checker
        from readerstudy.reading.checkers import CHECKERS

        for checker in CHECKERS:
            register_checker(checker)
