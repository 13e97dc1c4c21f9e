"""What `check` does: test the connection to Airbyte, step by step."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte import probe
from airbyte_sync_cli.airbyte.address import Address, ApiName, parse_address
from airbyte_sync_cli.airbyte.connect import connect
from airbyte_sync_cli.airbyte.token_endpoint import token_urls
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.commands.session import CommandResult, Invocation, interrupted
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.format import format_duration
from airbyte_sync_cli.output.listings import steps_text
from airbyte_sync_cli.output.report import StepRow
from airbyte_sync_cli.settings import (
    DEFAULT_URL,
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    NoAuth,
    Settings,
)
from airbyte_sync_cli.sync.inactive import describe_breaking_change, require_active
from airbyte_sync_cli.sync.select import select_connections
from airbyte_sync_cli.sync.stop import StoppedError, until_stopped

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte
    from airbyte_sync_cli.airbyte.models import Connection, Job
    from airbyte_sync_cli.airbyte.probe import ServerInfo


def credentials(settings: Settings) -> str:
    """Describe the credentials."""
    match settings.credentials:
        case NoAuth():
            own = "without credentials"
        case BasicAuth(username=username):
            own = f"as {username}, with a password"
        case BearerAuth():
            own = "with a token"
        case _:
            own = "with a client id and secret"
    return own + (", through Google IAP" if settings.iap_audience else "")


def version(found: "ServerInfo | None") -> str:
    """Describe the version and edition."""
    if found is None or not found.version:
        return "the version is not available (Airbyte Cloud, or a gateway in front of the server)"
    mode = f", authentication: {found.auth_mode}" if found.auth_mode else ""
    return f"Airbyte {found.version}, {found.edition or 'unknown edition'}{mode}"


def schedule_hint(connection: "Connection") -> str | None:
    """Return a hint if a schedule also starts the connection."""
    if connection.starts_only_by_hand:
        return None
    schedule = connection.schedule or connection.schedule_type or "its own"
    return (
        f"it also runs on a schedule ({schedule}): set the schedule to manual in Airbyte if only "
        "this program should start it"
    )


def latest(job: "Job | None", *, now: datetime) -> str:
    """Describe the latest job."""
    if job is None:
        return "none yet"
    since = job.ended_at or job.created_at
    ago = f", {format_duration((now - since).total_seconds())} ago" if since else ""
    return f"the latest is {job.id}, a {job.type}: {job.status}{ago}"


_LONGEST: Final = 10.0
"""Seconds for DNS, TCP and TLS: each takes milliseconds if it works."""
_ITSELF: Final = re.compile(r"[;,]? ?`airbyte-sync check[^`]*`[^;]*")
"""Hints that refer to `check` itself are left out of its output."""
_SOON: Final = 14
"""Days: a certificate that expires sooner is a warning."""
_NEEDLESS: Final = "a client id is set, which this server does not need"
_NOBODY_LOCAL: Final = (
    "no server at the default address: set AIRBYTE_URL, or start Airbyte here with "
    "`abctl local install` or `kubectl port-forward`"
)


async def check_access(invocation: Invocation, names: Sequence[str]) -> CommandResult:
    """Run the steps, up to the first one that fails."""
    clock, stop, output = invocation.wiring.clock, invocation.stop, invocation.output
    steps = Steps(clock)
    error: AirbyteSyncError | None = None
    with invocation.wiring.signals.stopping(stop):
        try:
            await until_stopped(_Check(invocation.settings, steps, clock).all(names), stop=stop)
        except StoppedError:
            return replace(interrupted(stop), details={"steps": steps.rows})
        except AirbyteSyncError as broken:
            error = broken
    text = steps_text(steps.rows, output.screen)
    if error is None:
        text += f"\n{_verdict(steps.rows)}"
    return CommandResult(
        error=error,
        exit_code=error.exit_code if error else ExitCode.OK,
        text=text,
        quiet=output.is_for_people,  # the last step shows the same message
        details={"steps": steps.rows},
    )


def _verdict(rows: Sequence[StepRow]) -> str:
    warnings = sum(row.outcome == "warning" for row in rows)
    if not warnings:
        return f"all {len(rows)} steps passed"
    return f"{len(rows) - warnings} of {len(rows)} steps passed, {warnings} with a warning"


class Steps:
    """The steps so far."""

    def __init__(self, clock: Clock) -> None:
        self.rows: list[StepRow] = []
        self._clock = clock

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator["StepFinding"]:
        """Run one step; an error inside is its result, and is raised again."""
        began, finding = self._clock.monotonic(), StepFinding()
        try:
            yield finding
        except AirbyteSyncError as error:
            error.hint = _ITSELF.sub("", error.hint or "") or None
            self._add(name, "failed", error.message, error.hint, began=began)
            raise
        outcome = "warning" if finding.hint else "ok"
        self._add(name, outcome, finding.message, finding.hint, began=began)

    def _add(
        self, name: str, outcome: str, message: str, hint: str | None, *, began: float
    ) -> None:
        seconds = round(self._clock.monotonic() - began, 4)
        values = {"name": name, "outcome": outcome, "message": message, "hint": hint}
        self.rows.append(StepRow.model_validate({**values, "seconds": seconds}))


class StepFinding:
    """The result of a step; with a hint it is a warning."""

    def __init__(self) -> None:
        self.message = ""
        self.hint: str | None = None


class _Check:
    def __init__(self, settings: Settings, steps: Steps, clock: Clock) -> None:
        self._settings = settings
        self._step = steps.step
        self._clock = clock
        self._limit = min(settings.request_timeout, _LONGEST)

    async def all(self, names: Sequence[str]) -> None:
        """Run every step. Raises the error of the first one that fails."""
        address = await self._understand()
        await self._reach(address)
        address, api = await self._find_api(address)
        await self._sign_in(address, api)
        await self._ask_version(address)
        if names:
            await self._look_at(names)

    async def _understand(self) -> Address:
        async with self._step("address") as finding:
            address = parse_address(self._settings.url)
            token_urls(self._settings, address)  # raises UsageError if they are invalid
            origin = self._settings.origins.get("url", "default")
            finding.message = f"{self._settings.url} ({origin})"
        return address

    async def _reach(self, address: Address) -> None:
        hop = probe.first_hop(self._settings, address)
        async with self._step("dns") as finding:
            addresses = await probe.resolve(hop, limit=self._limit)
            finding.message = f"{hop.name}: {', '.join(addresses)}"
        async with self._step("tcp") as finding:
            try:
                alive = await probe.reachable_addresses(hop, addresses, limit=self._limit)
            except AirbyteSyncError as error:
                raise self._with_local_hint(error) from error
            finding.message = f"{hop.name} is open"
            dead = [one for one in addresses if one not in alive]
            if dead:
                finding.hint = (
                    f"no response from {', '.join(dead)}: requests may try it first, and be slow"
                )
        if hop.is_tls:
            await self._shake_hands(hop, address)

    def _with_local_hint(self, error: AirbyteSyncError) -> AirbyteSyncError:
        if self._settings.url == DEFAULT_URL:
            error.hint = _NOBODY_LOCAL
        return error

    async def _shake_hands(self, hop: probe.Hop, address: Address) -> None:
        async with self._step("tls") as finding:
            found = await probe.tls_handshake(hop, self._settings, address, limit=self._limit)
            days = (found.ends_at - self._clock.now()).days if found.ends_at else None
            finding.message = ", ".join(
                filter(
                    None,
                    [
                        found.version,
                        f"certificate of {found.issuer}" if found.issuer else None,
                        f"valid for {days} days" if days is not None else None,
                    ],
                )
            )
            if self._settings.insecure:
                finding.hint = "not verified because of --insecure"
            elif days is not None and days < _SOON:
                finding.hint = "renew the server's certificate"

    async def _find_api(self, address: Address) -> tuple[Address, ApiName]:
        async with self._step("api") as finding:
            address, api = await probe.detect_api(self._settings, address, self._clock)
            root = address.public_root if api == "public" else address.config_root
            finding.message = f"{api.capitalize()} API at {root}"
        return address, api

    async def _sign_in(self, address: Address, api: ApiName) -> None:
        async with self._step("sign-in") as finding:
            given = self._settings
            self._settings = await probe.sign_in(given, address, api, self._clock)
            finding.message = credentials(self._settings)
            if self._settings.credentials != given.credentials:
                finding.message += ": this server has no token endpoint"
                finding.hint = _NEEDLESS
        if api == "public" and address.config_root:
            async with self._step("config-api") as finding:
                trouble = await probe.config_api_error(self._settings, address, self._clock)
                finding.message = f"Config API at {address.config_root}"
                if trouble is not None:
                    finding.message = f"the Config API cannot be used: {trouble.message}"
                    finding.hint = (
                        "syncs work without it; failure reasons and logs are not available"
                    )

    async def _ask_version(self, address: Address) -> None:
        if address.config_root is None:
            return
        async with self._step("version") as finding:
            found = await probe.read_server_info(self._settings, address, self._clock)
            finding.message = version(found)
            has_client = isinstance(self._settings.credentials, ClientCredentials)
            if found and found.auth_mode == "none" and has_client:
                finding.hint = _NEEDLESS

    async def _look_at(self, names: Sequence[str]) -> None:
        server = await connect(self._settings, clock=self._clock)
        try:
            for name in names:
                await self._look_at_one(server, name)
        finally:
            await server.aclose()

    async def _look_at_one(self, server: "Airbyte", name: str) -> None:
        async with self._step("connection") as finding:
            workspace = self._settings.workspace_id
            found = await select_connections(server, [name], workspace_id=workspace)
            connection = found[0]
            await require_active(server, connection)
            finding.message = f"{connection.name} ({connection.id}) is {connection.status}"
            finding.hint = await describe_breaking_change(server, connection) or schedule_hint(
                connection
            )
        async with self._step("job") as finding:
            jobs = await server.jobs(connection.id, limit=1)
            finding.message = latest(jobs[0] if jobs else None, now=self._clock.now())
            if jobs and jobs[0].is_active:
                finding.hint = "`run` waits until it has finished, unless --if-running is set"
