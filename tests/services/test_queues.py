"""The model, imports and analyses have a queue each: a worker busy with one holds up nothing else.

In the other tests one worker takes all of them.
"""

import pytest

from tests import servers
from tests.services import test_import_death as imports
from tests.services.blocking import blocked
from tests.services.site import Site, Sketch, wait_for_jobs
from tests.services.source import write_source

pytestmark = pytest.mark.services

MODEL, IMPORT = "model", "import"


@pytest.mark.slow("two workers, one of which loads torch")
def test_an_import_does_not_wait_for_a_long_run_of_the_model(make_site):
    site = make_site()
    site = Site(site.folder, site.more | imports.roots(site.folder))
    site.build(Sketch(MODEL, cases=1, steps=()), Sketch(IMPORT, cases=0, steps=()))
    source = write_source(site.folder / "root" / IMPORT, cases=2)
    with (
        servers.celery_worker(site.env, name="model", queues="inference"),
        blocked(site.image(MODEL, "hidden-0")) as release,
    ):
        site.manage("study", MODEL, "run-model")
        wait_for_jobs(site, MODEL, "running")
        with servers.celery_worker(site.env, name="others", queues="imports,analysis"):
            imports.shell(site, imports.PREPARE.format(slug=IMPORT, path=str(source)))
            imports.wait_for(site, "checked")
        [job] = site.jobs(MODEL).values()
        assert job.state == "running"
        release()
        wait_for_jobs(site, MODEL, "done")
