"""What inference costs, each figure as a ratio of two things timed side by side.

    .venv/bin/python benchmarks/inference.py [--quick]

One line a figure: name, value, unit. On ResNet-50, in batches of 8:

- cam_over_bare: `predict`, three probabilities and four heatmaps a case, over the bare forward pass
  of the same six extractors and three heads.
- peer_over_ours: the same probabilities and heatmaps by pytorch-grad-cam, over `predict`.
- torchcam_over_ours: the same by torchcam, over `predict`; support/layercam_peers.py says what each
  does.
- bf16_over_fp32: `predict` in bfloat16 over `predict` in float32.
- job_over_bare: whole jobs, from claim and PNG files to the rows in SQLite, over the bare pass.
- bare_per_case, predict_per_case, bf16_per_case, job_per_case: by themselves, in ms a case.

On the tiny network, in a worker process of its own (`manage.py infer`):

- tiny_job_per_case: a case's time in a cohort of 100, in ms.
- growth: that in the middle of a cohort of 10,000 (half of it done, half waiting), over the former.
- memory_growth: the worker's peak memory after 1,000 cases over that after 100.
- peak_memory: that after 1,000, in MiB.

With --quick all is smaller, batches (of 2), rounds and cohorts, and the tiny network is all that
is timed: it only shows that everything runs, the peers too.
"""

import argparse
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, where `inference` is this very file

import torch  # noqa: E402

from benchmarks.support import layercam_peers  # noqa: E402
from benchmarks.support.measure import describe_machine, say, side_by_side  # noqa: E402
from benchmarks.support.site import add_model, fresh_database, own_site  # noqa: E402


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    architecture: str
    phantoms: int  # whose files all cases share
    batch: int
    rounds: int
    peer_rounds: int
    growth: tuple[int, int]
    growth_rounds: int
    growth_cases: int
    memory: tuple[int, int]


FULL = Plan(
    architecture="resnet50",
    phantoms=8,
    batch=8,
    rounds=11,
    peer_rounds=3,
    growth=(100, 10_000),
    growth_rounds=3,
    growth_cases=100,
    memory=(100, 1_000),
)
QUICK = Plan(
    architecture="tiny",
    phantoms=1,
    batch=2,
    rounds=1,
    peer_rounds=1,
    growth=(4, 8),
    growth_rounds=1,
    growth_cases=4,
    memory=(2, 4),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: that it runs")
    parser.add_argument(
        "--peers", type=Path, default=ROOT / ".venv/bench-peers", help="folder to install them in"
    )
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    layercam_peers.install(options.peers)
    os.environ["INFERENCE_BATCH_SIZE"] = str(plan.batch)
    with own_site() as folder:
        from benchmarks.support.cohort import draw

        drawn = draw(plan.phantoms)
        with fresh_database(folder):
            network_figures(plan, drawn=drawn)
        growth_figure(plan, folder=folder, drawn=drawn)
        memory_figure(plan, folder=folder, drawn=drawn)


def network_figures(plan: Plan, *, drawn) -> None:
    """All that is measured of the network."""
    from inference.clahdm import weights
    from inference.device import device as configured_device

    version = add_model(plan.architecture)
    model = weights.load(version.weights.path).model
    device = configured_device()
    model.to(device, memory_format=torch.channels_last)
    describe_machine(device)
    shape = (plan.batch, 6, model.input_size, model.input_size)
    stacked = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    stacked = stacked.to(device, memory_format=torch.channels_last)
    _split_evenly(model, stacked)
    own_figures(plan, model, stacked, version=version, drawn=drawn)
    peer_figures(plan, model, stacked)


def own_figures(plan: Plan, model, stacked: torch.Tensor, *, version, drawn) -> None:
    """The network alone, with heatmaps, in bfloat16, and within a job."""
    from benchmarks.support.cohort import add_jobs
    from inference import queue
    from inference.clahdm.predict import predict
    from readerstudy.jobs import worker

    bus, cdfi = _channels_last(stacked)
    waiting: list[int] = []

    def queue_batch() -> None:
        waiting[:] = add_jobs(plan.batch, drawn=drawn, model_version=version)

    def bare() -> torch.Tensor:
        with torch.inference_mode():
            return model(bus, cdfi)

    timings = side_by_side(
        {
            "bare": bare,
            "predict": lambda: predict(model, bus, cdfi),
            "bf16": lambda: predict(model, bus, cdfi, precision="bf16"),
            "job": lambda: worker.run_jobs(queue.KIND, waiting),
        },
        before={"job": queue_batch},
        rounds=plan.rounds,
        device=stacked.device,
    )
    _check_all_done()
    for arm in ("bare", "predict", "bf16", "job"):
        say(f"{arm}_per_case", timings.median(arm) / plan.batch * 1000, "ms")
    say("cam_over_bare", timings.ratio("predict", "bare"), "ratio")
    say("job_over_bare", timings.ratio("job", "bare"), "ratio")
    say("bf16_over_fp32", timings.ratio("bf16", "predict"), "ratio")


def peer_figures(plan: Plan, model, stacked: torch.Tensor) -> None:
    """The same maps and probabilities by pytorch-grad-cam and by torchcam."""
    from inference.clahdm.predict import predict

    layercam_peers.check_agreement(model, stacked[:2])
    bus, cdfi = _channels_last(stacked)
    timings = side_by_side(
        {
            "ours": lambda: predict(model, bus, cdfi),
            "grad_cam": lambda: layercam_peers.diagnose(
                model, stacked, layercam_peers.with_grad_cam
            ),
            "torchcam": lambda: layercam_peers.diagnose(
                model, stacked, layercam_peers.with_torchcam
            ),
        },
        rounds=plan.peer_rounds,
        warm_up=plan is FULL,
        device=stacked.device,
    )
    say("peer_over_ours", timings.ratio("grad_cam", "ours"), "ratio")
    say("torchcam_over_ours", timings.ratio("torchcam", "ours"), "ratio")


def growth_figure(plan: Plan, *, folder: Path, drawn) -> None:
    """A case's time in a large cohort over that in a small one."""
    from benchmarks.support.cohort import add_jobs
    from benchmarks.support.worker import seconds_per_case

    small, large = plan.growth
    seconds: dict[int, list[float]] = {small: [], large: []}
    for number in range(plan.growth_rounds):
        for size in (small, large) if number % 2 else (large, small):
            with fresh_database(folder) as database:
                done = size // 2 if size == large else 0
                add_jobs(size, drawn=drawn, model_version=add_model("tiny"), done=done)
                seconds[size] += seconds_per_case(database, cases=plan.growth_cases)
    each = {size: statistics.median(found) for size, found in seconds.items()}
    say("tiny_job_per_case", each[small] * 1000, "ms")
    say("growth", each[large] / each[small], "ratio")


def memory_figure(plan: Plan, *, folder: Path, drawn) -> None:
    """The worker's peak memory after many cases over that after a few."""
    from benchmarks.support.cohort import add_jobs
    from benchmarks.support.worker import peak_memory

    with fresh_database(folder) as database:
        add_jobs(max(plan.memory), drawn=drawn, model_version=add_model("tiny"))
        after_few, after_many = peak_memory(database, marks=plan.memory)
    say("peak_memory", after_many / 2**20, "MiB")
    say("memory_growth", after_many / after_few, "ratio")


def _channels_last(stacked: torch.Tensor) -> list[torch.Tensor]:
    """BUS and CDFI of a stack (B, 6, S, S), in the layout that convolutions like best."""
    return [each.contiguous(memory_format=torch.channels_last) for each in stacked.split(3, dim=1)]


def _split_evenly(model, stacked: torch.Tensor) -> None:
    """Move sub-model 1's bias until half of these cases are malignant: both branches have work."""
    sub_model = model["malignancy"]
    with torch.no_grad():
        logits = sub_model(*_channels_last(stacked))
        sub_model.classifier.bias[1] -= (logits[:, 1] - logits[:, 0]).quantile(0.5)


def _check_all_done() -> None:
    from inference.models import InferenceJob

    if left := InferenceJob.objects.exclude(state=InferenceJob.State.DONE).first():
        raise RuntimeError(f"{left} is {left.state}: {left.reason}")


if __name__ == "__main__":
    main()
