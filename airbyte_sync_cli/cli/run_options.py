"""Options of `run`, `trigger` and `wait`, each said once: flag, environment name, help."""

from typing import Annotated, Literal

import typer

from airbyte_sync_cli.cli.completion import complete_connection

SELECT = "Which connections"
HOW = "How to run"
TIME = "Time limits"

# Choices are written out: to import them from `sync.policy` would slow every `--help` down.
# mypy holds the two together where the commands hand them over.

Connections = Annotated[
    list[str] | None,
    typer.Option(
        "--conn",
        "-c",
        metavar="ID|NAME",
        help="Connection, by id or exact name. Repeatable. [env: AIRBYTE_CONNECTION]",
        autocompletion=complete_connection,
        rich_help_panel=SELECT,
    ),
]
LatestOf = Annotated[
    list[str] | None,
    typer.Option(
        "--conn",
        "-c",
        metavar="ID|NAME",
        help="The latest job of this connection, by id or exact name. [env: AIRBYTE_CONNECTION]",
        autocompletion=complete_connection,
        rich_help_panel=SELECT,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="Every active connection that carries this tag. Repeatable.",
        rich_help_panel=SELECT,
    ),
]
JobIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="JOB_ID", help="Job ids.", show_default=False),
]
JobTypes = Annotated[
    Literal["sync", "clear", "refresh"],
    typer.Option(
        "--job-type",
        help="What to start. A clear deletes the synced data; a refresh syncs everything anew.",
        rich_help_panel=HOW,
    ),
]
IfRunning = Annotated[
    Literal["wait", "attach", "skip", "fail"],
    typer.Option(
        "--if-running",
        help="If a job of the connection is active already: wait for its end, then start ours; "
        "attach to that job and report it; skip: exit 99; fail: exit 8.",
        rich_help_panel=HOW,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIMESTAMP|DURATION",
        help="Makes a retry safe: a sync created since then (2h: two hours ago) counts as ours if "
        "it is active or has succeeded; only else one is started. "
        'In Airflow: --since "{{ dag_run.start_date }}".',
        rich_help_panel=HOW,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Start nothing: look, and say what would be done.", rich_help_panel=HOW
    ),
]
FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast",
        help="With several connections: the first failure cancels the others that we started.",
        rich_help_panel=HOW,
    ),
]
MaxParallel = Annotated[
    int | None,
    typer.Option(
        "--max-parallel",
        metavar="N",
        min=1,
        help="With several connections: at most N syncs at a time.",
        show_default="no limit",
        rich_help_panel=HOW,
    ),
]
MinRecords = Annotated[
    int | None,
    typer.Option(
        "--min-records",
        metavar="N",
        min=0,
        help="A success with fewer records than N is exit 13.",
        rich_help_panel=HOW,
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="A success without any attempt or statistics is exit 13, not only a warning.",
        rich_help_panel=HOW,
    ),
]
Timeout = Annotated[
    str,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        help="Longest wait in all: 90 (seconds), 15m, 2h30m, PT1H; 0 is no limit.",
        rich_help_panel=TIME,
    ),
]
StartTimeout = Annotated[
    str | None,
    typer.Option(
        "--start-timeout",
        metavar="DURATION",
        help="Longest wait while the job is still pending or queued.",
        show_default="none, but a warning after 15m",
        rich_help_panel=TIME,
    ),
]
OnTimeout = Annotated[
    Literal["cancel", "leave"],
    typer.Option(
        "--on-timeout",
        help="When time is up: what becomes of a job that we started.",
        rich_help_panel=TIME,
    ),
]
OnInterrupt = Annotated[
    Literal["cancel", "leave"],
    typer.Option(
        "--on-interrupt",
        help="At SIGTERM, SIGHUP or Ctrl-C: what becomes of a job that we started.",
        rich_help_panel=TIME,
    ),
]
PollInterval = Annotated[
    str,
    typer.Option(
        "--poll-interval",
        metavar="auto|DURATION",
        help="How often to look; auto adapts to the job's age and history.",
        rich_help_panel=TIME,
    ),
]
MaxOutage = Annotated[
    str,
    typer.Option(
        "--max-outage",
        metavar="DURATION",
        help="Longest outage of Airbyte to sit out once a job is known; then exit 12.",
        rich_help_panel=TIME,
    ),
]
