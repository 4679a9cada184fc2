from django.apps import AppConfig

from analysis import beside

PUBLISHED = "published-reconstruction"
"""The slug of the published study, rebuilt."""


class DemoConfig(AppConfig):
    name = "readerstudy.demo"
    label = "demo"

    def ready(self):
        page = beside.Page("demo:paper", "The paper's tables beside this run")
        beside.lay(page, slug=PUBLISHED)
