"""What was promised to studies on disk: bundles of FORMAT 1, plans, and digests of rows."""

import pytest

from analysis import load_study_data
from analysis.plan import Plan, published_recipe
from readerstudy.audit import row_digests
from readerstudy.exchange.bundles.study_import import import_study
from tests.goldens.kept import KEPT, read

PLANS = {"default": Plan, "published recipe": published_recipe}


@pytest.mark.django_db
def test_a_bundle_of_format_1_is_imported_and_reproduces():
    imported = import_study(KEPT / "bundle-format-1.zip", by="root")
    held = read("held-sqlite.json")
    assert imported.reproduced > 8
    assert imported.differing == ()
    study = imported.study
    assert study.protocol.frozen_sha256 == held["frozen"]["study"]
    assert load_study_data.load(study).digest() == held["data"]["study"]
    assert [run.results_sha256 for run in study.analysisrun_set.all()] == held["results"]


@pytest.mark.parametrize("name", PLANS)
def test_a_plans_document_is_what_it_was(name):
    plan, kept = PLANS[name](), read("documents.json")["plans"][name]
    assert plan.to_document() == kept["document"]
    assert plan.sha256() == kept["sha256"]
    assert Plan.from_document(kept["document"]) == plan


def test_no_format_of_a_rows_digest_has_other_fields_than_it_had():
    found = {kind.format: [kind.model, kind.study, *kind.fields] for kind in row_digests.kinds()}
    kept = read("documents.json")["digests"]
    assert {name: found.get(name) for name in kept} == kept
