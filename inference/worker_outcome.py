"""What a worker reports of the jobs it took."""

from dataclasses import dataclass, field


@dataclass
class WorkerOutcome:
    """Ids of the jobs it had, by how they ended."""

    done: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    """Failed with attempts left: queued again."""
    poor: dict[int, list[str]] = field(default_factory=dict)
    """Of those done, what makes their images poor inputs (``image_quality.quality_notes``)."""

    def add(self, other: "WorkerOutcome") -> None:
        """Count in what came of further jobs."""
        self.done += other.done
        self.failed += other.failed
        self.again += other.again
        self.poor |= other.poor
