from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from analysis import run_page_registry

PUBLISHED = "published-reconstruction"
"""The slug of the published study, rebuilt."""
HERE = Path(__file__).parent


def _draw(run) -> str:
    # In the worker: it brings the statistics in.
    from readerstudy.demo.comparison_tables import render_comparison

    return render_comparison(run)


class DemoConfig(AppConfig):
    name = "readerstudy.demo"
    label = "demo"

    def ready(self):
        page = run_page_registry.RunPage(
            "demo:paper",
            "Compare with the paper's tables",
            sections=("table1", "table2", "table3"),
            draw=_draw,
            drawn_by=(
                HERE / "comparison_tables.py",
                HERE / "published",
                settings.BASE_DIR / "templates/demo/paper_tables.html",
            ),
        )
        run_page_registry.register_page(page, slug=PUBLISHED)
