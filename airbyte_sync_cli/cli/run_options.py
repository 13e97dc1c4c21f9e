"""Options of `run`, `trigger` and `wait`: flag, environment variable, help."""

from typing import Annotated, Literal

import typer

from airbyte_sync_cli.cli.completion import complete_connection, complete_job, complete_tag

SELECT = "Which connections"
HOW = "How to run"
TIME = "Time limits"

# Choices are repeated here: importing them from `sync.policy` would slow down every `--help`.
# mypy compares the two where the commands pass them on.

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
        help="Use the latest job of this connection (id or exact name). [env: AIRBYTE_CONNECTION]",
        autocompletion=complete_connection,
        rich_help_panel=SELECT,
    ),
]
ActiveOf = Annotated[
    list[str] | None,
    typer.Option(
        "--conn",
        "-c",
        metavar="ID|NAME",
        help="Active (else latest) job of this connection, by id or exact name. Repeatable.",
        autocompletion=complete_connection,
        rich_help_panel=SELECT,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="All active connections with this tag. Repeatable.",
        autocompletion=complete_tag,
        rich_help_panel=SELECT,
    ),
]
TagsOfAll = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="All connections with this tag. Repeatable.",
        autocompletion=complete_tag,
        rich_help_panel=SELECT,
    ),
]
JobIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="JOB_ID", help="Job ids.", autocompletion=complete_job, show_default=False
    ),
]
JobId = Annotated[
    str | None,
    typer.Argument(
        metavar="JOB_ID",
        help="Job id; or use --conn.",
        autocompletion=complete_job,
        show_default=False,
    ),
]
JobTypes = Annotated[
    Literal["sync", "clear", "refresh"],
    typer.Option(
        "--job-type",
        help="Type of job to start. A clear deletes the synced data, a refresh syncs all data "
        "again.",
        rich_help_panel=HOW,
    ),
]
Streams = Annotated[
    list[str] | None,
    typer.Option(
        "--stream",
        metavar="NAME",
        help="With --job-type clear or refresh: only this stream (namespace.name if the name is "
        "ambiguous). Repeatable.",
        rich_help_panel=HOW,
    ),
]
IfRunning = Annotated[
    Literal["wait", "attach", "skip", "fail"],
    typer.Option(
        "--if-running",
        help="What to do if a job of the connection is already running. wait: start a new one "
        "after it; attach: wait for it and report its outcome; skip: exit 99; fail: exit 8.",
        rich_help_panel=HOW,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIMESTAMP|DURATION",
        help="Make retries idempotent: a sync created since then (2h: two hours ago) that is "
        "running or succeeded counts as this run's sync; otherwise a new one is started. "
        'In Airflow: --since "{{ dag_run.start_date }}".',
        rich_help_panel=HOW,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Start nothing, print what would be done.", rich_help_panel=HOW
    ),
]
FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast",
        help="With several connections: cancel the other started syncs on the first failure.",
        rich_help_panel=HOW,
    ),
]
MaxParallel = Annotated[
    int | None,
    typer.Option(
        "--max-parallel",
        metavar="N",
        min=1,
        help="Maximum number of syncs at the same time.",
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
        help="Exit 13 if a sync succeeded with fewer than N records.",
        rich_help_panel=HOW,
    ),
]
MaxRejected = Annotated[
    int | None,
    typer.Option(
        "--max-rejected",
        metavar="N",
        min=0,
        help="Exit 13 if a sync succeeded with more than N records rejected by the destination "
        "(reported since Airbyte 1.8).",
        rich_help_panel=HOW,
    ),
]
RequireStreams = Annotated[
    list[str] | None,
    typer.Option(
        "--require-stream",
        metavar="NAME[=N]",
        help="Exit 13 if a sync succeeded, but this stream did not complete (with at least N "
        "records). NAME or NAMESPACE.NAME. Repeatable.",
        rich_help_panel=HOW,
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Exit 13 (instead of a warning) if Airbyte's own evidence contradicts a success: "
        "no attempt or statistics, records read but not written, rejected records, streams "
        "that did not complete.",
        rich_help_panel=HOW,
    ),
]
Logs = Annotated[
    Literal["trace", "debug", "info", "warn", "error"] | None,
    typer.Option(
        "--logs",
        metavar="[LEVEL]",
        help="Also show Airbyte's log of the job while it runs: lines of this level (trace, "
        "debug, info, warn, error) or above; all without a level.",
        show_default=False,
        rich_help_panel=HOW,
    ),
]
LogTail = Annotated[
    int,
    typer.Option(
        "--log-tail",
        metavar="N",
        min=0,
        help="When a job fails, show the last N warnings and errors of Airbyte's log; 0 is none.",
        rich_help_panel=HOW,
    ),
]
Timeout = Annotated[
    str,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        help="Total time limit: 90 (seconds), 15m, 2h30m, PT1H; 0 is no limit.",
        rich_help_panel=TIME,
    ),
]
StartTimeout = Annotated[
    str | None,
    typer.Option(
        "--start-timeout",
        metavar="DURATION",
        help="Time limit while the job is pending or queued.",
        show_default="none, but a warning after 15m",
        rich_help_panel=TIME,
    ),
]
StallWarning = Annotated[
    str,
    typer.Option(
        "--stall-warning",
        metavar="DURATION",
        help="Warn once if the numbers of a running job have not changed for so long; 0 is never.",
        rich_help_panel=TIME,
    ),
]
OnTimeout = Annotated[
    Literal["cancel", "leave"],
    typer.Option(
        "--on-timeout",
        help="What to do with a job this run started when a time limit expires.",
        rich_help_panel=TIME,
    ),
]
OnInterrupt = Annotated[
    Literal["cancel", "leave"],
    typer.Option(
        "--on-interrupt",
        help="What to do with a job this run started on SIGTERM, SIGHUP or Ctrl-C.",
        rich_help_panel=TIME,
    ),
]
PollInterval = Annotated[
    str,
    typer.Option(
        "--poll-interval",
        metavar="auto|DURATION",
        help="Time between polls; auto adapts to the time waited and past jobs.",
        rich_help_panel=TIME,
    ),
]
MaxOutage = Annotated[
    str,
    typer.Option(
        "--max-outage",
        metavar="DURATION",
        help="How long to tolerate Airbyte being unreachable while waiting for a job; then "
        "exit 12.",
        rich_help_panel=TIME,
    ),
]
