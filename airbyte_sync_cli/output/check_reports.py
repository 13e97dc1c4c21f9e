"""The reports of `check` and `config show`."""

from typing import Literal

from pydantic import Field

from airbyte_sync_cli.sync.result import Frozen, Report


class StepRow(Frozen):
    """One step of the way to Airbyte."""

    name: str = Field(description="address, dns, tcp, tls, api, sign-in, version, connection, job")
    outcome: Literal["ok", "warning", "failed"] = Field(description="how it went")
    message: str = Field(description="what was found")
    hint: str | None = Field(default=None, description="what to do about it")
    seconds: float = Field(description="how long it took")


class CheckReport(Report):
    """What `check` has to say."""

    steps: tuple[StepRow, ...] = Field(
        default=(), description="in their order, up to the first broken one"
    )


class SettingRow(Frozen):
    """One setting."""

    name: str = Field(description="as in a profile")
    value: str | None = Field(description="masked for a secret; null: not set")
    origin: str = Field(description="where it comes from")
    secret: bool = Field(description="whether the value is masked")


class ConfigReport(Report):
    """What `config show` has to say."""

    values: tuple[SettingRow, ...] = Field(default=(), description="every setting")
