"""Counts how processes ended over many scenarios, for the table in `docs/reliability.md`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from tests.fuzz.judge import LIMITS, Finding, judge
from tests.fuzz.play import Played, play
from tests.fuzz.process import Left
from tests.fuzz.scenario import generate

ENDINGS = (
    "own job succeeded",
    "own job failed",
    "own job cancelled",
    "own job still active",
    "other job",
    "no job known",
)
"""What a process can have to say, by Airbyte's own record."""


@dataclass
class Tally:
    """What was counted. Two can be added."""

    scenarios: int = 0
    processes: int = 0
    killed: int = 0
    requests: int = 0
    endings: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By exit code and what it had to say."""
    limits: Counter[str] = field(default_factory=Counter)
    """Scenarios in which a limit of the API broke a promise, by limit."""
    failed: dict[int, list[str]] = field(default_factory=dict)
    """What broke a promise, by seed."""

    def __iadd__(self, other: "Tally") -> Self:
        self.scenarios += other.scenarios
        self.processes += other.processes
        self.killed += other.killed
        self.requests += other.requests
        self.endings += other.endings
        self.limits += other.limits
        self.failed |= other.failed
        return self

    def add(self, seed: int, played: Played) -> list[Finding]:
        """Count a scenario; return what broke a promise."""
        self.scenarios += 1
        for left in played.lefts:
            self.processes += 1
            self.requests += len(left.sent)
            if left.code is None:
                self.killed += 1
            else:
                self.endings[left.code, _ending(played, left)] += 1
        findings = judge(played)
        self.limits.update({finding.limit for finding in findings if finding.limit})
        faults = [finding for finding in findings if finding.limit is None]
        if faults:
            self.failed[seed] = [str(fault) for fault in faults]
        return faults

    def figures(self, seeds: range) -> dict[str, object]:
        """Put it into what `docs/reliability.json` keeps."""
        codes = sorted({code for code, _ in self.endings})
        return {
            "seeds": [seeds.start, seeds.stop],
            "scenarios": self.scenarios,
            "processes": self.processes,
            "killed": self.killed,
            "requests": self.requests,
            "endings": {
                str(code): {what: self.endings[code, what] for what in ENDINGS} for code in codes
            },
            "limits": {
                limit: {"what": what, "scenarios": self.limits[limit]}
                for limit, what in LIMITS.items()
            },
            "faults": len(self.failed),
        }


def tally(seeds: Iterable[int]) -> Tally:
    """Play the scenarios of some seeds."""
    found = Tally()
    for seed in seeds:
        found.add(seed, play(generate(seed)))
    return found


def _ending(played: Played, left: Left) -> str:
    syncs = left.report["syncs"]
    job_id = syncs[0]["job_id"] if syncs else None
    job = next((job for job in played.jobs if job.id == job_id), None)
    if job is None:
        return "no job known"
    if not any(caller.partition("#")[0] == left.name for caller in job.asked_by):
        return "other job"
    status = played.status(job, left.ended or 0.0)
    ended = f"own job {status}"
    return ended if ended in ENDINGS else "own job still active"
