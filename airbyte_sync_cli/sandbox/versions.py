"""What differs between Airbyte versions: tables of endpoints and fields, and switches.

Each switch names the release that changed the behaviour and, by its class or file in
airbytehq/airbyte-platform, where to see it; `docs/sandbox.md` has the whole table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LATEST: Final = "latest"
_LATEST_NUMBER: Final = (2, 2, 0)
"""Newer than 2.1.0, the last release: what Airbyte Cloud runs. The number is invented."""
Number = tuple[int, ...]

STATUSES: Final = frozenset(
    {"pending", "queued", "running", "incomplete", "failed", "succeeded", "cancelled"}
)
"""The statuses that a job list can be filtered by."""


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions from one on (included) and before another."""

    since: Number = (0,)
    before: Number = (1_000,)

    def __contains__(self, number: Number) -> bool:
        return self.since <= number < self.before


ENDPOINTS: Final = {
    "public /tags": VersionRange(since=(1, 6)),
    "public /applications/token": VersionRange(since=(0, 63, 20)),
    "config /applications/token": VersionRange(since=(0, 57, 3)),
    "config /connections/clear": VersionRange(since=(0, 57, 3)),
    "config /connections/clear/stream": VersionRange(since=(0, 57, 3)),
    "config /connections/refresh": VersionRange(since=(0, 57, 3)),
    "config /connections/events/list": VersionRange(since=(0, 63, 20)),
    "config /connections/events/list_for_job": VersionRange(since=(2, 0)),
    "config /workspaces/list": VersionRange(before=(1, 7)),
}
"""Which versions have an endpoint; an endpoint that is not listed is in every version.

Source: the paths in `config.yaml` (airbyte-api/server-api) at each tag."""

FIELDS: Final = {
    "AirbyteStreamConfiguration.mappers": VersionRange(since=(1, 2)),
    "AttemptStats.recordsRejected": VersionRange(since=(1, 8)),
    "ConnectionRead.created_at": VersionRange(since=(0, 57, 3)),
    "ConnectionRead.statusReason": VersionRange(since=(2, 1)),
    "ConnectionRead.tags": VersionRange(since=(1, 6)),
    "ConnectionResponse.createdAt": VersionRange(since=(1, 2)),
    "ConnectionResponse.dataResidency": VersionRange(before=(1, 8)),
    "ConnectionResponse.tags": VersionRange(since=(1, 6)),
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
    "JobRead.refreshConfig": VersionRange(since=(0, 63)),
    "JobRead.streamAggregatedStats": VersionRange(since=(0, 57, 3)),
    "JobTypeEnum.clear": VersionRange(since=(0, 63)),
    "JobTypeEnum.refresh": VersionRange(since=(0, 63)),
    "LogEvent.stackTrace": VersionRange(since=(1, 3)),
    "LogEvent.strackTrace": VersionRange(before=(1, 3)),
    "SourceRead.createdAt": VersionRange(since=(1, 2)),
    "SourceResponse.createdAt": VersionRange(since=(1, 2)),
    "SourceResponse.definitionId": VersionRange(since=(1, 2)),
    "StreamConfiguration.namespace": VersionRange(since=(1, 7)),
    "StreamStats.recordsRejected": VersionRange(since=(1, 8)),
    "StreamStatusRunState.RATE_LIMITED": VersionRange(since=(0, 63)),
    "StreamStats.wasResumed": VersionRange(since=(0, 63)),
    "WebBackendConnectionRead.destinationActorDefinitionVersion": VersionRange(since=(0, 63, 20)),
    "WebBackendConnectionRead.onDemandEnabled": VersionRange(since=(2, 1)),
    "WebBackendConnectionRead.sourceActorDefinitionVersion": VersionRange(since=(0, 63, 20)),
    "WebBackendConnectionRead.tags": VersionRange(since=(1, 4)),
    "WorkspaceResponse.notifications": VersionRange(since=(1, 6)),
}
"""Which versions have a field, or an enum's value, by the schema's name in `config.yaml`.

`Source…` stands for `Destination…`, too.
"""


@dataclass(frozen=True, slots=True)
class Quirks:
    """The behaviour of one Airbyte version."""

    number: Number

    @property
    def release(self) -> str:
        """The version as `instance_configuration` shows it."""
        return ".".join(map(str, self.number))

    def since(self, *number: int) -> bool:
        """Return whether this version is that one or later."""
        return self.number >= number

    def serves(self, api: str, path: str) -> bool:
        """Return whether this version has an endpoint, by its path below the API's root."""
        return self.number in ENDPOINTS.get(f"{api} {path}", VersionRange())

    def knows(self, schema: str, name: str) -> bool:
        """Return whether this version has a field, or a value, of a schema."""
        return self.number in FIELDS.get(f"{schema}.{name}", VersionRange())

    def fields(self, schema: str, values: Mapping[str, object | None]) -> dict[str, object]:
        """Return the fields that this version has and that are not null, as Airbyte does."""
        return {
            name: value
            for name, value in values.items()
            if value is not None and self.knows(schema, name)
        }

    @property
    def trigger_returns_early(self) -> bool:
        """A public trigger returns once there is a job id (June 2026), not once the job runs.

        Source: TemporalClient.startNewManualSyncAndWaitForJobId.
        """
        return self.since(2, 2)

    @property
    def lists_every_job_type(self) -> bool:
        """A job list without `jobType` has all four types (2.1.0), before: sync and reset.

        Source: JobService.getJobConfigTypes.
        """
        return self.since(2, 1)

    @property
    def token_lifetime(self) -> float:
        """Seconds until a token expires: 24 h, since 1.6 15 min.

        Source: ApplicationServiceMicronautImpl.
        """
        return 900.0 if self.since(1, 6) else 86_400.0

    @property
    def token_claim(self) -> int | None:
        """The wrong `expires_in` before 1.6: 180 s (ApplicationServiceMicronautImpl)."""
        return None if self.since(1, 6) else 180

    @property
    def accepts_form_tokens(self) -> bool:
        """Form-encoded token requests are accepted (1.7).

        Source: issues 121 and 126 of airbyte-api-python-sdk.
        """
        return self.since(1, 7)

    @property
    def wrong_client_is_unauthorized(self) -> bool:
        """Wrong client credentials are a 401 with an `errorId` (2026), before a 400.

        Source: InvalidClientCredentialsExceptionHandler.
        """
        return self.since(2, 2)

    @property
    def structured_logs(self) -> bool:
        """Logs are events instead of lines (1.2; JobConverter)."""
        return self.since(1, 2)

    @property
    def shows_stack_traces(self) -> bool:
        """Config API error bodies have the server's stack trace (up to 1.2; KnownException)."""
        return not self.since(1, 3)

    @property
    def hides_errors(self) -> bool:
        """Config API errors have an `errorId` instead of a message (2.0.0; KnownException)."""
        return self.since(2, 0)

    @property
    def unknown_job_is_forbidden(self) -> bool:
        """An unknown job is a 403 even for instance admins (1.7 and 1.8).

        Source: ConfigClientErrorHandler.
        """
        return self.since(1, 7) and not self.since(2, 0)

    @property
    def missing_connection_status(self) -> int:
        """The Public API's status for a missing connection: 400, 500 (1.2), then 404 (1.4).

        Source: `api-problems.yaml` at the tags.
        """
        if self.since(1, 4):
            return 404
        return 500 if self.since(1, 2) else 400

    @property
    def config_types(self) -> frozenset[str]:
        """The job types that `jobs/list` accepts: `refresh` since 0.57, `clear` since 0.60.

        Source: JobConfigType in `config.yaml` at the tags.
        """
        newer = {"refresh": self.since(0, 57), "clear": self.since(0, 60)}
        return frozenset({"sync", "reset_connection", *(name for name in newer if newer[name])})

    @property
    def refresh_names_its_job(self) -> bool:
        """The response to a refresh has a job (1.2; `config.yaml`); before, only true or false."""
        return self.since(1, 2)

    @property
    def config_statuses(self) -> frozenset[str]:
        """The job statuses of the Config API: `queued` since 2.1.0 (JobStatus)."""
        return STATUSES if self.since(2, 1) else STATUSES - {"queued"}

    @property
    def public_statuses(self) -> frozenset[str]:
        """The job statuses of the Public API: `queued` after 2.1.0 (May 2026; JobStatusEnum)."""
        return STATUSES if self.since(2, 2) else STATUSES - {"queued"}

    @property
    def public_fails_at_queued(self) -> bool:
        """The Public API fails with a 500 at a `queued` job (2.1.0; JobResponseMapper)."""
        return "queued" in self.config_statuses - self.public_statuses

    @property
    def flush_period(self) -> float:
        """Seconds between two writes of a running job's statistics: 60, since 1.0 10."""
        return 10.0 if self.since(1, 0) else 60.0


def quirks_of(version: str) -> Quirks:
    """Return the behaviour of a version such as `1.8`, `v2.0.0` or `latest`. Raises ValueError."""
    if version == LATEST:
        return Quirks(_LATEST_NUMBER)
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    if match is None:
        raise ValueError(
            f"{version!r} is not an Airbyte version: use 0.63, 1.0, 1.8, 2.0 or latest"
        )
    # As a tuple of numbers: 1.10 is later than 1.9.
    return Quirks((int(match[1]), int(match[2]), int(match[3] or 0)))
