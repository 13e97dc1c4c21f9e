"""Whether a success is believable, and whether it meets what the options require.

Unlike contradictions (`evidence.py`), requirements need no `--verify`: their options ask for 13.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from typing import Literal

from airbyte_sync_cli.airbyte.models import SUCCEEDED, Progress, StreamId
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.evidence import (
    Evidence,
    Finding,
    contradictions,
    stream_states,
    unfinished_streams,
)
from airbyte_sync_cli.sync.policy import RunPolicy

VerificationOutcome = Literal["passed", "failed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the evidence says about one job."""

    outcome: VerificationOutcome = "unknown"
    findings: Sequence[Finding] = ()
    unchecked: Sequence[str] = ()
    """What was asked for but cannot be known, and why, for people."""


def verify(evidence: Evidence, policy: RunPolicy) -> Verification:
    """Return what contradicts a success, and what the options require beyond that."""
    if evidence.job.status != SUCCEEDED:
        return Verification()
    checks = _Requirements(evidence, policy)
    required = list(checks.findings())
    named = {finding.stream for finding in required if finding.stream}
    findings = (
        *required,
        # A stream that was required is named once.
        *(
            one
            for one in contradictions(evidence)
            if not (one.is_unfinished and one.stream in named)
        ),
    )
    unchecked = list(checks.unchecked)
    is_proven = _is_proven(evidence)
    if policy.verify and not findings and not is_proven:
        unchecked.append(f"--verify: the success could not be checked: {_why_unknown(evidence)}")
    outcome: VerificationOutcome = "passed" if is_proven else "unknown"
    return Verification(
        outcome="failed" if findings else outcome, findings=findings, unchecked=tuple(unchecked)
    )


def without_late(verification: Verification) -> Verification:
    """Return it without the findings that later numbers may take away."""
    kept = tuple(one for one in verification.findings if one.is_required or not one.may_pass)
    if len(kept) == len(verification.findings):
        return verification
    outcome: VerificationOutcome = "failed" if kept else "unknown"
    return replace(verification, findings=kept, outcome=outcome)


def _is_proven(evidence: Evidence) -> bool:
    """Return whether the last attempt is known to have succeeded, with numbers of its own."""
    last = evidence.last
    has_numbers = last is not None and (
        last.has_statistics
        or not evidence.is_loading
        or (evidence.is_only_attempt and evidence.records_read is not None)
    )
    return last is not None and last.status == SUCCEEDED and has_numbers


def _why_unknown(evidence: Evidence) -> str:
    if evidence.progress is None:
        return "the Config API cannot be read"
    if evidence.final is None:
        return "the Config API still shows the job as active"
    return "Airbyte has no statistics of its last attempt"


@dataclass(slots=True)
class _Requirements:
    """Checks `--min-records`, `--max-rejected` and `--require-stream`."""

    evidence: Evidence
    policy: RunPolicy
    unchecked: list[str] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        yield from self._min_records()
        yield from self._max_rejected()
        for stream, records in self.policy.require_streams:
            yield from self._required_stream(stream, records)

    def _min_records(self) -> Iterator[Finding]:
        wanted, records = self.policy.min_records, self.evidence.job.records_synced
        if wanted is None or (records is not None and records >= wanted):
            return
        moved = "an unknown number of" if records is None else f"{records:,}"
        message = f"{moved} records written, --min-records is {wanted:,}"
        yield Finding(kind="min-records", message=message, is_required=True, may_pass=True)

    def _max_rejected(self) -> Iterator[Finding]:
        wanted, progress = self.policy.max_rejected, self.evidence.final
        if wanted is None:
            return
        rejected = progress.records_rejected if progress else None
        if rejected is None:
            why = "this Airbyte reports none" if progress else _why_unknown(self.evidence)
            self.unchecked.append(f"--max-rejected: rejected records are unknown: {why}")
        elif rejected > wanted:
            message = f"{rejected:,} records rejected, --max-rejected is {wanted:,}"
            yield Finding(kind="max-rejected", message=message, is_required=True)

    def _required_stream(self, name: str, records: int | None) -> Iterator[Finding]:
        progress = self.evidence.final
        if progress is None or not progress.selected:
            reason = "the job's streams are unknown" if progress else _why_unknown(self.evidence)
            self.unchecked.append(f"--require-stream {name}: {reason}")
            return
        found = [stream for stream in progress.selected if name in {str(stream), stream.name}]
        if not found:
            message = f"--require-stream: stream {name} is not part of this sync"
            yield Finding(kind="require-stream", message=message, is_required=True)
        for stream in found:
            yield from self._completed(stream)
            if records is not None:
                yield from self._has_records(stream, records, progress)

    def _completed(self, stream: StreamId) -> Iterator[Finding]:
        unfinished = unfinished_streams(self.evidence)
        finding = next((one for one in unfinished if one.stream == stream), None)
        if finding is not None:
            yield Finding(
                kind="require-stream",
                message=f"--require-stream: {finding.message}",
                stream=stream,
                is_required=True,
                may_pass=finding.may_pass,
            )
        elif stream_states(self.evidence).get(stream) != "complete":
            self.unchecked.append(f"--require-stream {stream}: whether it completed is unknown")

    def _has_records(self, stream: StreamId, wanted: int, progress: Progress) -> Iterator[Finding]:
        written = {each.id: each.records_committed for each in progress.streams}.get(stream)
        if written is None:
            self.unchecked.append(f"--require-stream {stream}: its records are unknown")
        elif written < wanted:
            message = f"--require-stream: stream {stream} has {written:,} of {wanted:,} records"
            yield Finding(
                kind="require-stream",
                message=message,
                stream=stream,
                is_required=True,
                may_pass=True,
            )
