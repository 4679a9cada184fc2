"""A source of many cases, and its import; as a program, in a process of its own without torch.

python -m benchmarks.support.importing FOLDER
"""

import json
import os
import sys
import time
from pathlib import Path

import django
from PIL import Image as PillowImage

from readerstudy.diagnosis import Etiology
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex

KIB = 1024


def write_source(folder: Path, *, cases: int, pairs: list) -> Path:
    """A folder with a manifest; its files are links to a few pictures, each linked many times."""
    folder.mkdir(parents=True)
    files = []
    for number, pair in enumerate(pairs):
        for kind, pixels in zip(("bus", "cdfi"), pair, strict=True):
            files.append(folder / f"drawn-{number}-{kind}.png")
            PillowImage.fromarray(pixels).save(files[-1])
    words = f"{Sex.MALE},40,12.5,{Location.LEFT},{NeckLevel.LEVEL_II}"
    truth = f"{PathologicMethod.NEEDLE_BIOPSY},{Etiology.LYMPHOMA}"
    header = "case_id,bus_file,cdfi_file,sex,age,diameter_mm,location,neck_level,"
    lines = [header + "pathologic_method,etiology,instrument"]
    for number in range(cases):
        names = [f"{number}-{kind}.png" for kind in ("bus", "cdfi")]
        for name, at in zip(names, (0, 1), strict=True):
            os.link(files[2 * (number % len(pairs)) + at], folder / name)
        lines.append(f"case-{number},{','.join(names)},{words},{truth},Machine")
    (folder / "manifest.csv").write_text("\n".join(lines))
    return folder


def named(source: Path) -> list[Path]:
    """The images that the manifest names."""
    return sorted(path for path in source.glob("*.png") if not path.name.startswith("drawn"))


def new_cohort():
    """A cohort of a study of its own: another round's pictures would all be compared with."""
    from readerstudy.studies.models import Cohort, Study

    study = Study.objects.create(slug=f"benchmark-{Study.objects.count()}", title="Benchmark")
    return Cohort.objects.create(study=study, name="cohort")


def import_source(source: Path) -> None:
    """Into a cohort of its own."""
    from readerstudy.studies.cohort_import import import_cohort

    import_cohort(cohort=new_cohort(), source=source)


def main(source: Path) -> None:
    """Import a folder into the site that the environment names, and tell what it took."""
    django.setup()
    begin = time.perf_counter()
    import_source(source)
    seconds = time.perf_counter() - begin
    cases = len(named(source)) // 2
    # Not getrusage, which counts the parent's memory at the fork as well.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) * KIB
    print(json.dumps({"seconds_a_case": seconds / cases, "peak_bytes": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
