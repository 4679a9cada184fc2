"""A synthetic cohort's folder: the same bytes each time, what was asked for, and importable."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from readerstudy.demo.phantoms import HOSPITALS, draw_phantom, longest_px
from readerstudy.demo.published.tables import published_cohorts
from readerstudy.demo.synthetic_cohort import SourceCase, write_cases, write_source
from readerstudy.diagnosis import Etiology
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import Case, Cohort, Study

COUNTS = {Etiology.REACTIVE: 1, Etiology.METASTATIC: 1}


def write(folder: Path, seed=1, **options) -> Path:
    folder.mkdir()
    write_source(folder, counts=COUNTS, hospital=HOSPITALS[2], seed=seed, masks=True, **options)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write(tmp_path_factory.mktemp("source") / "first")


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows(folder):
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_same_arguments_write_the_same_bytes(source, tmp_path):
    first = files(source)
    assert files(write(tmp_path / "again")) == first
    other = files(write(tmp_path / "other", seed=2))
    assert other.keys() == first.keys()
    assert all(other[name] != first[name] for name in first)


def test_the_manifest_has_the_cases_asked_for_from_the_hospitals_instruments(source):
    cases = rows(source)
    etiologies = [case["etiology"] for case in cases]
    assert {e: etiologies.count(e) for e in COUNTS} == COUNTS
    sizes = {instrument.name: instrument.size for instrument in HOSPITALS[2].instruments}
    for case in cases:
        for column in ("bus_file", "cdfi_file"):
            with PillowImage.open(source / case[column]) as image:
                assert image.size == sizes[case["instrument"]][::-1]


def test_each_mask_covers_the_node_of_its_case(source):
    for case in rows(source):
        with PillowImage.open(source / "masks" / f"{case['case_id']}.png") as image:
            mask = np.asarray(image)
        with PillowImage.open(source / case["bus_file"]) as image:
            grey = np.asarray(image)[..., 0].astype(float)
        assert mask.shape == grey.shape
        assert set(np.unique(mask)) == {0, 255}
        # Between 25 and 60 mm of depth, or width where the picture is narrow, fill the height.
        height_mm = float(case["diameter_mm"]) / longest_px(mask=mask > 0) * mask.shape[0]
        assert 25 < height_mm < 70
        assert grey[mask > 0].mean() < grey[(mask == 0) & (grey > 0)].mean()


def test_masks_are_left_out_unless_asked_for(tmp_path):
    counts = {Etiology.LYMPHOMA: 1}
    write_source(tmp_path, counts=counts, hospital=HOSPITALS[0], seed=1)
    assert len(files(tmp_path)) == 3


def test_no_cases_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one case"):
        write_source(tmp_path, counts={}, hospital=HOSPITALS[0], seed=1)


@pytest.mark.django_db
def test_an_import_takes_the_folder_and_leaves_the_masks(source, media_root):
    study = Study.objects.create(slug="study", title="Study", is_synthetic=True)
    cohort = Cohort.objects.create(study=study, name="external")
    assert import_cohort(cohort=cohort, source=source) == 2
    assert len(list(media_root.rglob("*.png"))) == 4
    stored = {case.case_id: case.instrument for case in Case.objects.all()}
    assert stored == {case["case_id"]: case["instrument"] for case in rows(source)}


@pytest.mark.parametrize("hospital", HOSPITALS, ids=lambda hospital: hospital.name)
def test_the_case_mix_is_the_published_one_at_every_size(hospital):
    total = sum(hospital.cases.values())
    assert hospital.mix(total) == dict(hospital.cases)
    for cases in (0, 1, 3, 4, 6, 10, 100, 395):
        counts = hospital.mix(cases)
        assert sum(counts.values()) == cases
        if cases >= 4:
            assert min(counts.values()) >= 1
        if cases >= 100:
            exact = np.array(list(hospital.cases.values())) * cases / total
            assert np.abs(exact - list(counts.values())).max() < 1


def test_the_published_counts_are_those_of_the_papers_table():
    published = [cohort.counts for cohort in published_cohorts()]
    assert [tuple(hospital.cases.values()) for hospital in HOSPITALS] == published


def test_cases_are_drawn_in_the_order_and_as_they_are_told(tmp_path):
    told = [
        SourceCase(
            case_id=f"case-{number}",
            etiology=etiology,
            baseline={"sex": "male", "age": 40 + number, "location": "midline",
                      "neck_level": "IIa", "pathologic_method": "excisional_biopsy"},
            instrument=HOSPITALS[number].instruments[0],
            seed=number,
        )
        for number, etiology in enumerate((Etiology.LYMPHOMA, Etiology.REACTIVE))
    ]  # fmt: skip
    write_cases(tmp_path, told, technique=HOSPITALS[1].technique, size=(64, 80))
    for row, case in zip(rows(tmp_path), told, strict=True):
        phantom = draw_phantom(
            etiology=case.etiology,
            seed=case.seed,
            size=(64, 80),
            instrument=case.instrument,
            technique=HOSPITALS[1].technique,
        )
        assert (row["case_id"], row["etiology"]) == (case.case_id, case.etiology)
        assert row["instrument"] == case.instrument.name
        assert float(row["diameter_mm"]) == phantom.diameter_mm
        assert {column: row[column] for column in case.baseline} == {
            column: str(value) for column, value in case.baseline.items()
        }
        for column, pixels in (("bus_file", phantom.bus), ("cdfi_file", phantom.cdfi)):
            with PillowImage.open(tmp_path / row[column]) as image:
                assert (np.asarray(image) == pixels).all()
