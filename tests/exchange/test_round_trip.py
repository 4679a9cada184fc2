"""A study that is exported and imported is the same study, to the byte."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from analysis.models import AnalysisRun
from inference.models import ModelVersion
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.exchange.bundles.archive import SUMS
from readerstudy.exchange.bundles.study_export import ExportOptions, export_study
from readerstudy.exchange.bundles.study_import import import_study
from readerstudy.exchange.errors import ExchangeError
from readerstudy.exchange.models import ImportedStudy
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Reading
from readerstudy.studies.models import Case, Image, Study
from tests import factories
from tests.exchange import downloads, studies

pytestmark = pytest.mark.django_db
STEPS_TO = {
    "paused": [lifecycle.pause_study],
    "locked": [lifecycle.lock_study],
    "archived": [lifecycle.lock_study, lifecycle.unblind_study, lifecycle.archive_study],
}
NAMED = ExportOptions(with_names=True)


def contents(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def of_the_study(bundle: Path) -> dict[str, bytes]:
    """A bundle's files, but for what two sites can't share: their logs, and what sums up all."""
    apart = ("records/", "imports/", "tables/imports", "README", "manifest", SUMS)
    return {name: text for name, text in contents(bundle).items() if not name.startswith(apart)}


def test_every_page_table_and_file_of_the_imported_study_is_the_origins(origin):
    imported = import_study(origin.named, by="root")
    assert imported.reproduced > 8
    assert imported.differing == ()
    assert downloads.taken("study", drawings=False) == origin.downloads


def test_the_imported_study_is_exported_to_the_same_bytes(origin, tmp_path):
    # Other rows first, so that no number of a row is the origin's by chance.
    factories.make_open("before", readers=("zoe",))
    import_study(origin.named, by="root")
    export_study(Study.objects.get(slug="study"), tmp_path / "again.zip", by="root", options=NAMED)
    assert of_the_study(tmp_path / "again.zip") == of_the_study(origin.named)


def test_an_analysis_run_again_gives_the_very_results(origin):
    study = import_study(origin.plain, by="root").study
    first = AnalysisRun.objects.get(study=study)
    again = factories.analyse(study)
    assert (again.number, again.planned) == (2, True)
    assert again.results == first.results
    assert again.data_sha256 == first.data_sha256


def test_images_are_there_with_their_digests_under_names_of_this_site(origin):
    import_study(origin.plain, by="root")
    stored = json.dumps(sorted(contents(origin.plain)))
    for image in Image.objects.all():
        assert hashlib.sha256(image.file.read()).hexdigest() == image.sha256
        assert Path(image.file.name).stem not in stored
    version = ModelVersion.objects.get()
    assert hashlib.sha256(version.weights.read()).hexdigest() == version.sha256


def test_what_was_fixed_at_the_origin_is_fixed_here(origin):
    import_study(origin.plain, by="root")
    changes = [
        lambda: Reading.objects.update(etiology="lymphoma"),
        lambda: Case.objects.update(age=1),
        lambda: Study.objects.update(state="draft"),
        lambda: AnalysisRun.objects.update(results="{}"),
        lambda: ImportedStudy.objects.update(bundle_sha256="0"),
    ]
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_people_are_numbers_and_can_not_sign_in(origin):
    import_study(origin.plain, by="root")
    people = User.objects.all()
    assert {user.username for user in people} == {f"study-person-{n}" for n in (1, 2, 3)}
    for user in people:
        assert not user.is_active
        assert not user.has_usable_password()
        assert (user.is_staff, user.is_superuser, user.email) == (False, False, "")


def test_a_bundle_without_names_has_none(origin):
    for name, content in contents(origin.plain).items():
        if not name.endswith((".png", ".xlsx")):
            for username in (b"anna", b"boris", b"ivan"):
                assert username not in content, (name, username)
    assert b"anna" in contents(origin.named)["tables/people.csv"]


def test_a_person_is_somebody_of_this_site_by_an_explicit_word_alone(origin, tmp_path):
    anna = factories.make_user("anna")
    with pytest.raises(ExchangeError, match=r"users called anna.*--map"):
        import_study(origin.named, by="root")
    assert not Study.objects.exists()
    known = tmp_path / "map.csv"
    known.write_text("bundle,site\nanna,anna\nboris,boris-2\n")
    call_command("import_study", origin.named, map=known, by="root", verbosity=0)
    readers = Study.objects.get().reader_set.order_by("code")
    assert [reader.user.username for reader in readers] == ["anna", "boris-2"]
    assert readers[0].user == anna
    assert anna.is_active


def test_a_map_that_names_nobody_is_refused(origin, tmp_path):
    known = tmp_path / "map.csv"
    known.write_text("bundle,site\nzoe,zoe\n")
    with pytest.raises(CommandError, match="Nobody in the bundle is called zoe"):
        call_command("import_study", origin.named, map=known, by="root")
    known.write_text("zoe\n")
    with pytest.raises(CommandError, match="must have the columns bundle,site"):
        call_command("import_study", origin.named, map=known, by="root")


def test_the_origins_audit_is_kept_as_a_document_and_not_mixed_in(origin):
    import_study(origin.named, by="root")
    events = AuditEvent.objects.order_by("number").values_list("action", "actor")
    assert set(events) == {(what, "root") for what in (
        "reading.witness", "study.witness", "study.import",
    )}  # fmt: skip
    kept = ImportedStudy.objects.get()
    assert kept.bundle_sha256 == hashlib.sha256(origin.named.read_bytes()).hexdigest()
    assert hashlib.sha256(kept.records.read()).hexdigest() == kept.sha256
    records = contents(Path(kept.records.path))
    bundle = contents(origin.named)
    assert records["records/audit.jsonl"] == bundle["records/audit.jsonl"]
    assert records[f"bundle-{SUMS}"] == bundle[SUMS]
    actions = [json.loads(line)["action"] for line in bundle["records/audit.jsonl"].splitlines()]
    assert {"study.open", "study.lock", "study.unblind"} <= set(actions)


def test_the_imported_rows_are_witnessed_by_this_sites_log(origin):
    import_study(origin.named, by="root")
    call_command("verify_audit", verbosity=0)


def test_an_audit_event_that_was_changed_is_found(origin, tmp_path):
    def change(files):
        files["records/audit.jsonl"] = files["records/audit.jsonl"].replace(b"boris", b"zoe", 1)

    def drop(files):
        files["records/audit.jsonl"] += files["records/audit.jsonl"].splitlines(keepends=True)[0]

    for changed, said in ((change, "its content does not match its SHA-256"),
                          (drop, "it is out of order")):  # fmt: skip
        bad = studies.rewritten(origin.named, tmp_path / "bad.zip", changed)
        with pytest.raises(ExchangeError, match=said):
            import_study(bad, by="root")


@pytest.mark.parametrize(
    "told",
    [{"number": "7"}, {"number": None}, {"number": 1.5}, {"at": 5}, {"address": "nowhere"},
     {"address": [1]}, {"else": 1}],
)  # fmt: skip
def test_what_is_no_audit_event_is_refused_in_words(origin, tmp_path, told):
    def change(files):
        first, *rest = files["records/audit.jsonl"].splitlines(keepends=True)
        odd = json.dumps(json.loads(first) | told).encode() + b"\n"
        files["records/audit.jsonl"] = b"".join([odd, *rest])

    bad = studies.rewritten(origin.named, tmp_path / "bad.zip", change)
    with pytest.raises(ExchangeError, match=r"records/audit\.jsonl: a line is not an audit event"):
        import_study(bad, by="root")


def test_a_model_that_is_here_already_is_used(origin):
    import_study(origin.plain, by="root")
    [version] = ModelVersion.objects.all()
    assert str(version) in Study.objects.get().protocol.frozen_document


def test_a_study_that_is_here_already_is_refused(origin):
    import_study(origin.plain, by="root")
    with pytest.raises(
        ExchangeError, match='This site already has a study with the short name "study"'
    ):
        import_study(origin.plain, by="root")
    assert Study.objects.count() == 1


@pytest.mark.parametrize("state", ["draft", "open", "paused", "locked", "archived"])
def test_a_study_under_way_moves_with_its_truth(state, tmp_path):
    bundle = tmp_path / "bundle.zip"
    with transaction.atomic():
        study = studies.make_draft() if state == "draft" else studies.make_read()
        for step in STEPS_TO.get(state, ()):
            step(study, by="test")
        export_study(study, bundle, options=ExportOptions(with_truth=True), by="root")
        before = of_the_study(bundle)
        transaction.set_rollback(True)
    study = import_study(bundle, by="root").study
    assert study.state == state
    assert (study.opened_at is None) == (state == "draft")
    export_study(study, tmp_path / "2.zip", options=ExportOptions(with_truth=True), by="root")
    assert of_the_study(tmp_path / "2.zip") == before


def test_truth_and_readings_stay_here_until_the_unblinding(tmp_path):
    study = studies.make_read()
    export_study(study, tmp_path / "bundle.zip", by="ivan")
    found = contents(tmp_path / "bundle.zip")
    for sealed in ("reference_standards.csv", "readings.csv", "traces.jsonl"):
        assert f"tables/{sealed}" not in found
    assert "reference_standards, readings, traces: they are not in this" in found[
        "README.txt"
    ].decode().replace("\n", " ")
    with pytest.raises(ExchangeError, match="it can only be read"):
        import_study(tmp_path / "bundle.zip", by="root")


def test_the_truth_before_the_unblinding_is_a_superusers_to_ask_for(tmp_path):
    studies.make_draft()
    for by in ("", "ivan"):
        with pytest.raises(CommandError, match="Only a superuser"):
            call_command("export_study", "study", tmp_path / "x.zip", with_truth=True, by=by)
    factories.make_user("root", is_superuser=True)
    call_command("export_study", "study", tmp_path / "x.zip", with_truth=True, by="root")
    event = AuditEvent.objects.get(action="study.export")
    assert event.actor == "root"
    assert event.detail["with_truth"] is True
    assert event.detail["sha256"] == hashlib.sha256((tmp_path / "x.zip").read_bytes()).hexdigest()


def test_without_images_the_bundle_is_for_reading(tmp_path):
    study = studies.make_draft()
    export_study(study, tmp_path / "x.zip", options=ExportOptions(with_images=False), by="ivan")
    assert not any(name.startswith("images/") for name in contents(tmp_path / "x.zip"))
    with pytest.raises(ExchangeError, match=r"lacks .*image files"):
        import_study(tmp_path / "x.zip", by="root")


def test_a_missing_or_changed_image_is_told_and_nothing_is_written(tmp_path):
    study = studies.make_draft()
    path = Path(Image.objects.first().file.path)
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    with pytest.raises(ExchangeError, match="was changed on disk"):
        export_study(study, tmp_path / "x.zip", by="ivan")
    path.unlink()
    with pytest.raises(ExchangeError, match="is missing"):
        export_study(study, tmp_path / "x.zip", by="ivan")
    assert list(tmp_path.glob("*x.zip*")) == []
    assert not AuditEvent.objects.filter(action="study.export").exists()


def test_an_export_over_a_file_is_refused(tmp_path):
    study = studies.make_draft()
    (tmp_path / "x.zip").write_text("mine")
    with pytest.raises(ExchangeError, match="already exists"):
        export_study(study, tmp_path / "x.zip", by="ivan")
    assert (tmp_path / "x.zip").read_text() == "mine"


def test_the_bundle_is_for_its_owner_alone_and_names_its_sums(origin):
    assert origin.plain.stat().st_mode & 0o777 == 0o600
    files = contents(origin.plain)
    sums = dict(line.split("  ")[::-1] for line in files.pop(SUMS).decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
