from django.apps import AppConfig


class HandoverConfig(AppConfig):
    name = "readerstudy.handover"
    label = "handover"
