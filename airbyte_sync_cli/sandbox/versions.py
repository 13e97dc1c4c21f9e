"""What differs between Airbyte versions, as one table of switches.

Each switch names the release that changed the behaviour; the sources are in `docs/sandbox.md`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LATEST: Final = "latest"
_LATEST_NUMBER: Final = (2, 2, 0)
"""After 2.1.0, the last release: what Airbyte Cloud runs. The number itself is made up."""
Number = tuple[int, ...]

STATUSES: Final = frozenset(
    {"pending", "queued", "running", "incomplete", "failed", "succeeded", "cancelled"}
)
"""What a list of jobs may be filtered by."""


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions that have something: from one on, and before another."""

    since: Number = (0,)
    before: Number = (1_000,)

    def __contains__(self, number: Number) -> bool:
        return self.since <= number < self.before


ENDPOINTS: Final = {
    "public /tags": VersionRange(since=(1, 6)),
    "public /applications/token": VersionRange(since=(0, 63, 20)),
    "config /applications/token": VersionRange(since=(0, 57, 3)),
    "config /connections/clear": VersionRange(since=(0, 57, 3)),
    "config /connections/refresh": VersionRange(since=(0, 57, 3)),
    "config /connections/sync_progress": VersionRange(since=(0, 61)),
    "config /connections/events/list": VersionRange(since=(0, 63, 20)),
    "config /connections/events/list_for_job": VersionRange(since=(2, 0)),
    "config /tags/list": VersionRange(since=(1, 4)),
    "config /workspaces/list": VersionRange(before=(1, 7)),
    "config /workspaces/list_all_paginated": VersionRange(before=(1, 8)),
}
"""Which versions have an endpoint; those that are not listed are in all of them."""

FIELDS: Final = {
    "AttemptStats.recordsRejected": VersionRange(since=(1, 8)),
    "ConnectionRead.created_at": VersionRange(since=(0, 57, 3)),
    "ConnectionRead.tags": VersionRange(since=(1, 6)),
    "ConnectionResponse.createdAt": VersionRange(since=(1, 2)),
    "ConnectionResponse.dataResidency": VersionRange(before=(1, 8)),
    "ConnectionResponse.tags": VersionRange(since=(1, 6)),
    "ConnectionSyncProgressRead.recordsRejected": VersionRange(since=(1, 8)),
    "DefinitionRead.normalizationConfig": VersionRange(before=(0, 63, 20)),
    "DefinitionRead.supportRefreshes": VersionRange(since=(0, 60), before=(0, 63)),
    "DefinitionRead.supportsDbt": VersionRange(before=(0, 63, 20)),
    "DefinitionVersionRead.supportsDataActivation": VersionRange(since=(1, 7)),
    "DefinitionVersionRead.supportsFileTransfer": VersionRange(since=(1, 2)),
    "FailureReason.transient_error": VersionRange(since=(0, 57, 3)),
    "InstanceConfigurationResponse.airbyteUrl": VersionRange(since=(0, 60)),
    "InstanceConfigurationResponse.auth": VersionRange(since=(0, 60)),
    "InstanceConfigurationResponse.defaultOrganizationEmail": VersionRange(since=(0, 63, 20)),
    "InstanceConfigurationResponse.licenseStatus": VersionRange(since=(0, 64)),
    "InstanceConfigurationResponse.trackingStrategy": VersionRange(since=(0, 57, 3)),
    "InstanceConfigurationResponse.version": VersionRange(since=(0, 60)),
    "InstanceConfigurationResponse.webappUrl": VersionRange(before=(0, 60)),
    "JobAggregatedStats.recordsRejected": VersionRange(since=(1, 8)),
    "JobRead.aggregatedStats": VersionRange(since=(0, 57, 3)),
    "JobListRequestBody.statuses": VersionRange(since=(0, 57, 3)),
    "JobRead.streamAggregatedStats": VersionRange(since=(0, 57, 3)),
    "JobTypeEnum.clear": VersionRange(since=(0, 63)),
    "JobTypeEnum.refresh": VersionRange(since=(0, 63)),
    "LogEvent.stackTrace": VersionRange(since=(1, 3)),
    "LogEvent.strackTrace": VersionRange(before=(1, 3)),
    "SourceRead.createdAt": VersionRange(since=(1, 2)),
    "SourceResponse.createdAt": VersionRange(since=(1, 2)),
    "SourceResponse.definitionId": VersionRange(since=(1, 2)),
    "StreamStats.recordsRejected": VersionRange(since=(1, 8)),
    "StreamStats.wasResumed": VersionRange(since=(0, 63)),
    "WebBackendConnectionRead.destinationActorDefinitionVersion": VersionRange(since=(0, 63, 20)),
    "WebBackendConnectionRead.onDemandEnabled": VersionRange(since=(2, 1)),
    "WebBackendConnectionRead.sourceActorDefinitionVersion": VersionRange(since=(0, 63, 20)),
    "WebBackendConnectionRead.tags": VersionRange(since=(1, 4)),
    "WorkspaceResponse.notifications": VersionRange(since=(1, 6)),
}
"""Which versions have a field, or a value, under the schema's name in Airbyte's documents.

`Source…` stands for `Destination…` too, and `Definition…` for both kinds of connectors.
"""


@dataclass(frozen=True, slots=True)
class Quirks:
    """The behaviour of one Airbyte version."""

    number: Number

    @property
    def release(self) -> str:
        """The version as `instance_configuration` tells it."""
        return ".".join(map(str, self.number))

    def since(self, *number: int) -> bool:
        """Whether this version is that one or a later one."""
        return self.number >= number

    def serves(self, api: str, path: str) -> bool:
        """Whether this version has an endpoint, named by its path below the API's root."""
        return self.number in ENDPOINTS.get(f"{api} {path}", VersionRange())

    def knows(self, schema: str, name: str) -> bool:
        """Whether this version has a field, or a value, of a schema."""
        return self.number in FIELDS.get(f"{schema}.{name}", VersionRange())

    def fields(self, schema: str, values: Mapping[str, object | None]) -> dict[str, object]:
        """Keep what this version has; nulls are left out, as Airbyte's serializer does."""
        return {
            name: value
            for name, value in values.items()
            if value is not None and self.knows(schema, name)
        }

    @property
    def trigger_returns_early(self) -> bool:
        """Public triggers answer once a job id exists (June 2026), not once the job runs."""
        return self.since(2, 2)

    @property
    def lists_every_job_type(self) -> bool:
        """A job list without `jobType` covers all four types (2.1.0), before: sync and reset."""
        return self.since(2, 1)

    @property
    def token_lifetime(self) -> float:
        """Seconds that a token really lives: 24 h, since 1.6 a quarter of an hour."""
        return 900.0 if self.since(1, 6) else 86_400.0

    @property
    def token_claim(self) -> int | None:
        """What `expires_in` claims in spite of the truth: 180 s before 1.6."""
        return None if self.since(1, 6) else 180

    @property
    def takes_form_tokens(self) -> bool:
        """Form-encoded token requests are tolerated (1.7)."""
        return self.since(1, 7)

    @property
    def dates_progress_by_creation(self) -> bool:
        """`syncStartedAt` is when the job was created (0.64), not when it started."""
        return self.since(0, 64)

    @property
    def structured_logs(self) -> bool:
        """Logs are events rather than lines (1.2)."""
        return self.since(1, 2)

    @property
    def shows_stack_traces(self) -> bool:
        """Config API error bodies carry the server's stack trace (up to 1.2)."""
        return not self.since(1, 3)

    @property
    def hides_errors(self) -> bool:
        """Config API error bodies are an `errorId` (2.0.0)."""
        return self.since(2, 0)

    @property
    def admins_may_not_see_unknown_jobs(self) -> bool:
        """An unknown job is 403 even for instance admins (1.7 and 1.8)."""
        return self.since(1, 7) and not self.since(2, 0)

    @property
    def missing_connection_status(self) -> int:
        """The Public API's status for a connection that does not exist: 400, 500, then 404."""
        if self.since(1, 4):
            return 404
        return 500 if self.since(1, 2) else 400

    @property
    def config_types(self) -> frozenset[str]:
        """The job types that `jobs/list` knows: `refresh` since 0.57, `clear` since 0.60."""
        newer = {"refresh": self.since(0, 57), "clear": self.since(0, 60)}
        return frozenset({"sync", "reset_connection", *(name for name in newer if newer[name])})

    @property
    def refresh_names_its_job(self) -> bool:
        """The answer to a refresh has a job (1.2); before, it is only true or false."""
        return self.since(1, 2)

    @property
    def config_statuses(self) -> frozenset[str]:
        """The job statuses that the Config API knows: `queued` since 2.1.0."""
        return STATUSES if self.since(2, 1) else STATUSES - {"queued"}

    @property
    def public_statuses(self) -> frozenset[str]:
        """The job statuses that the Public API knows: `queued` after 2.1.0 (May 2026)."""
        return STATUSES if self.since(2, 2) else STATUSES - {"queued"}

    @property
    def public_fails_at_queued(self) -> bool:
        """A job may be `queued`, but the Public API cannot say so and fails (2.1.0)."""
        return "queued" in self.config_statuses - self.public_statuses

    @property
    def flush_period(self) -> float:
        """Seconds between two writes of a running job's statistics: 60, since 1.0 10."""
        return 10.0 if self.since(1, 0) else 60.0


def quirks_of(version: str) -> Quirks:
    """Find the behaviour of a version such as `1.8`, `v2.0.0` or `latest`.

    Raises ValueError for anything else.
    """
    if version == LATEST:
        return Quirks(_LATEST_NUMBER)
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    if match is None:
        raise ValueError(
            f"{version!r} is not an Airbyte version: try 0.63, 1.0, 1.8, 2.0 or latest"
        )
    return Quirks((int(match[1]), int(match[2]), int(match[3] or 0)))
