"""Import a bundle: all of its study, or nothing, past none of the database's guards.

The study comes in as a draft and goes through the states of its life, each table's rows at the
state in which they may come into being; its times, codes, orders and hashes are the origin's. All
of it is one transaction. Then what the runs read is read anew, and must be the same.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, models, transaction

from readerstudy.audit.log import record
from readerstudy.exchange.bundles import imported_digests_check, read_bundle, results_files
from readerstudy.exchange.bundles.archive import SUMS, BundleReader, BundleWriter, open_bundle
from readerstudy.exchange.bundles.audit_chain_check import require_chained
from readerstudy.exchange.bundles.study_models import PEOPLE, TABLES, BundleTable
from readerstudy.exchange.bundles.user_mapping import resolve_users
from readerstudy.exchange.errors import ExchangeError
from readerstudy.exchange.models import ImportedStudy
from readerstudy.reading import audit_digests
from readerstudy.studies.file_staging import StagedFiles, staged_files
from readerstudy.studies.models import Study

LIFE = ("draft", "open", "paused", "locked", "unblinded", "archived")
DETOURS = ("paused",)  # states that a study need not go through
BATCH = 500


@dataclass(frozen=True)
class ImportedBundle:
    """What came of an import: how many results files were made anew, and which came out otherwise.

    Otherwise they come out where this site's software writes them in another way; the stored
    results are the origin's in any case.
    """

    study: Study
    rows: dict[str, int]
    reproduced: int
    differing: tuple[str, ...]


def import_study(
    bundle: Path, *, by: str, known: dict[str, str] | None = None, progress=iter
) -> ImportedBundle:
    """Import a study's bundle. ``known`` says by a person's name in the bundle who that is here.

    Raises ExchangeError; nothing is changed then.
    """
    with open_bundle(bundle) as archive, staged_files("bundle") as files:
        manifest = read_bundle.manifest_of(archive)
        archive.verify(progress=progress)
        require_chained(archive, named=bool(manifest.get("named")))
        _refuse_known_study(manifest)
        digest = _digest(bundle)
        arrival = _StudyImport(archive, manifest, files)
        arrival.stage_files()
        with transaction.atomic():
            arrival.settle_people(known or {})
            study = arrival.store()
            imported_digests_check.require_reproduced(study)
            _keep_records(study, archive, manifest, files, digest=digest, by=by)
            if study.state != Study.State.DRAFT:  # from now on this site's log witnesses the rows
                audit_digests.record_existing(study, by=by)
            detail = {"bundle": digest, "rows": arrival.counts}
            record("study.import", actor=by, study=study.slug, target=bundle.name, detail=detail)
            files.place()
        reproduced, differing = _compared(study, archive)
    return ImportedBundle(study, arrival.counts, reproduced, differing)


def _refuse_known_study(manifest: dict[str, Any]) -> None:
    slug = manifest["study"]["slug"]
    if Study.objects.filter(slug=slug).exists():
        raise ExchangeError(
            f'This site already has a study with the short name "{slug}", and results refer '
            "to studies by it. Import the bundle on another site."
        )


class _StudyImport:
    """One import under way."""

    def __init__(self, archive: BundleReader, manifest: dict[str, Any], files: StagedFiles):
        self._archive, self._manifest, self._files = archive, manifest, files
        self._keys: dict[type[models.Model], dict[int, int]] = {}
        self._staged: dict[str, tuple[str, str]] = {}
        self._names: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self._referred = {f.related_model for table in TABLES for f in table.references()}

    def stage_files(self) -> None:
        """Copy every stored file aside, before the database is held."""
        for table in TABLES:
            for field in table.fields:
                if isinstance(field, models.FileField):
                    for line, row in read_bundle.rows_of(self._archive, table):
                        self._stage(table, field, line, row[field.name])

    def _stage(self, table: BundleTable, field: models.FileField, line: int, given: Any) -> None:
        if given == "" and field.blank:
            return
        if given in self._staged:
            raise read_bundle.misplaced_value(
                table, line, field.name, f"{given} belongs to another row"
            )
        self._require_own(table, line, field, given)
        with self._archive.open(given) as source:
            ending = Path(given).suffix
            self._staged[given] = self._files.copy(source, folder=field.upload_to, ending=ending)

    @staticmethod
    def _require_own(table: BundleTable, line: int, field: models.Field, given: Any) -> None:
        if not isinstance(given, str) or not given.startswith(f"{table.name}/"):
            message = f"is not a file under {table.name}/"
            raise read_bundle.misplaced_value(table, line, field.name, message)

    def settle_people(self, known: dict[str, str]) -> None:
        """Find or make the users."""
        slug, named = self._manifest["study"]["slug"], bool(self._manifest.get("named"))
        people = read_bundle.people_of(self._archive)
        users = resolve_users(people, slug=slug, named=named, known=known)
        self._keys[PEOPLE.model] = {number: user.pk for number, user in users.items()}
        self._names = {people[number - 1]["name"]: u.username for number, u in users.items()}
        self.counts[PEOPLE.name] = len(users)

    def store(self) -> Study:
        """Store all rows, walking the study through its life."""
        final, times = LIFE[0], {}
        for state in LIFE:
            if state in _walk(final)[1:]:
                self._step(state, times, last=state == final)
            for table in TABLES:
                if table.model is Study and state == LIFE[0]:
                    final, times = self._store_study(table)
                elif table.at == state:
                    self._store_table(table, reached=state in _walk(final))
        return Study.objects.get(pk=self._keys[Study][1])

    def _store_study(self, table: BundleTable) -> tuple[str, dict[str, Any]]:
        """Store the study as a draft; its state at the origin, and when it came into each."""
        rows = list(read_bundle.rows_of(self._archive, table))
        if len(rows) != 1:
            raise ExchangeError(f"{table.file}: a bundle must have exactly one study.")
        line, row = rows[0]
        values = self._values(table, line, row)
        final = values.pop("state")
        times = {
            field.attname: values.pop(field.attname)
            for field in table.fields
            if isinstance(field, models.DateTimeField) and field.null
        }
        if values["slug"] != self._manifest["study"]["slug"] or final not in LIFE:
            raise ExchangeError(f"{table.file}: the study is not the one in the manifest.")
        study = self._create(table, line, [Study(**values)])[0]
        self._keys[Study] = {1: study.pk}
        self.counts[table.name] = 1
        return final, times

    def _step(self, state: str, times: dict[str, Any], *, last: bool) -> None:
        column = {"open": "opened_at"}.get(state, f"{state}_at")
        now = times if last else {n: at for n, at in times.items() if n == column}
        try:
            with transaction.atomic():
                Study.objects.filter(pk=self._keys[Study][1]).update(state=state, **now)
        except DatabaseError as error:
            raise ExchangeError(
                f"tables/study.csv: the database does not accept the study as {state}: {error}"
            ) from error

    def _store_table(self, table: BundleTable, *, reached: bool) -> None:
        numbers = self._keys.setdefault(table.model, {})
        batch: list[models.Model] = []
        line = count = 0
        for line, row in read_bundle.rows_of(self._archive, table):
            if not reached:
                raise ExchangeError(
                    f"{table.file}: a study that is not yet {table.at} can't have such rows."
                )
            values = self._values(table, line, row)
            self._require_digests(table, line, row)
            if table.shared and (same := self._same(table, line, values)):
                numbers[count + 1] = same.pk
            else:
                batch.append(table.model(**values))
                batch[-1].bundle_number = count + 1
            count += 1
            if len(batch) == BATCH or table.shared:
                self._store_batch(table, line, batch, numbers)
        self._store_batch(table, line, batch, numbers)
        self.counts[table.name] = count

    def _store_batch(
        self, table: BundleTable, line: int, batch: list[models.Model], numbers: dict[int, int]
    ) -> None:
        for stored in self._create(table, line, batch):
            if table.model in self._referred:
                numbers[stored.bundle_number] = stored.pk
        batch.clear()

    def _create(
        self, table: BundleTable, line: int, batch: list[models.Model]
    ) -> list[models.Model]:
        try:
            with transaction.atomic():
                return table.model._base_manager.bulk_create(batch)
        except DatabaseError as error:
            raise ExchangeError(
                f"{table.file}, up to line {line}: the database does not accept it: {error}"
            ) from error

    def _values(self, table: BundleTable, line: int, row: dict[str, Any]) -> dict[str, Any]:
        return {
            field.attname: self._value(table, line, field, row[field.name])
            for field in table.fields
        }

    def _value(self, table: BundleTable, line: int, field: models.Field, given: Any) -> Any:
        if isinstance(field, models.ForeignKey):
            return self._key(table, line, field, given)
        if isinstance(field, models.FileField):
            return self._staged[given][0] if given else ""
        if field.name in table.endings and given != "":
            self._require_own(table, line, field, given)
            content = self._archive.read(given, limit=read_bundle.DOCUMENT_LIMIT)
            if isinstance(field, models.BinaryField):
                return content
            try:
                given = content.decode()
            except UnicodeDecodeError:
                raise read_bundle.misplaced_value(
                    table, line, field.name, f"{given} is not text"
                ) from None
        value = read_bundle.column_value(table, line, field, given)
        return self._names.get(value, value) if field.name in table.usernames else value

    def _require_digests(self, table: BundleTable, line: int, row: dict[str, Any]) -> None:
        """A row's file must have the SHA-256 that the row says."""
        for field in table.fields:
            if not isinstance(field, models.FileField) or not row[field.name]:
                continue
            if self._staged[row[field.name]][1] != row["sha256"]:
                message = "the file's SHA-256 differs from that in the row"
                raise read_bundle.misplaced_value(table, line, field.name, message)

    def _key(
        self, table: BundleTable, line: int, field: models.ForeignKey, given: Any
    ) -> int | None:
        if given is None and field.null:
            return None
        known = self._keys.get(field.related_model, {})
        found = known.get(given) if type(given) is int else None
        if found is None:
            message = f"there is no row {str(given)[:20]} in the bundle to refer to"
            raise read_bundle.misplaced_value(table, line, field.name, message)
        return found

    def _same(self, table: BundleTable, line: int, values: dict[str, Any]) -> models.Model | None:
        """The row that the site has already; its file is then not needed. Raises ExchangeError."""
        key = {table.shared: values[table.shared]}
        there = table.model._base_manager.filter(**key).first()
        if there is None:
            return None
        for field in table.fields:
            if isinstance(field, models.FileField):
                if values[field.attname]:
                    self._files.forget(values[field.attname])
            elif getattr(there, field.attname) != values[field.attname]:
                message = f"this site has {there} with a different value"
                raise read_bundle.misplaced_value(table, line, field.name, message)
        return there


def _walk(final: str) -> tuple[str, ...]:
    """The states that a study has been in, that is in this one."""
    until = LIFE[: LIFE.index(final) + 1]
    return tuple(state for state in until if state not in DETOURS or state == final)


def _keep_records(
    study: Study,
    archive: BundleReader,
    manifest: dict[str, Any],
    files: StagedFiles,
    *,
    digest: str,
    by: str,
) -> None:
    """Keep what the origin recorded as a ZIP of its own, with the bundle's checksums."""
    with tempfile.TemporaryFile(dir=settings.MEDIA_ROOT) as file:
        with BundleWriter(file) as writer:
            for name in sorted(archive.sums):
                if name.startswith("records/") or "/" not in name:
                    with archive.open(name) as source:
                        writer.add_from(name, source)
            with archive.open(SUMS) as source:
                writer.add_from(f"bundle-{SUMS}", source)
        file.seek(0)
        name, sha256 = files.copy(file, folder="handover", ending=".zip")
    ImportedStudy.objects.create(
        study=study,
        bundle_sha256=digest,
        manifest=manifest,
        records=name,
        sha256=sha256,
        imported_by=by,
    )


def _compared(study: Study, archive: BundleReader) -> tuple[int, tuple[str, ...]]:
    """Make the results' files anew from the imported rows: how many, and which differ."""
    if not study.is_unsealed:
        return 0, ()
    made = {
        name: hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
        for name, content in results_files.iter_results_files(study)
    }
    return len(made), tuple(
        name for name, digest in made.items() if archive.sums.get(name) != digest
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
