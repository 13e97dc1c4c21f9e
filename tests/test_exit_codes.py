"""The numbers are a promise to everybody's scripts: they are only ever added to."""

from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.exit_codes import TABLE, ExitCode, verdict

PROMISED = {
    0: "ok",
    1: "bug",
    2: "usage",
    3: "failed",
    4: "cancelled",
    5: "timeout",
    6: "denied",
    7: "not-found",
    8: "conflict",
    9: "unavailable",
    10: "protocol",
    11: "rejected",
    12: "unknown",
    13: "suspect",
    99: "skipped",
    129: "interrupted",
    130: "interrupted",
    143: "interrupted",
}


def test_no_code_that_was_ever_promised_changes_or_goes() -> None:
    told = {int(code): row.outcome for code, row in TABLE.items()}

    assert told | PROMISED == told


def test_every_code_has_its_row() -> None:
    assert set(TABLE) == set(ExitCode)


@given(st.lists(st.sampled_from(ExitCode)))
def test_several_codes_are_0_only_if_nothing_spoke_against_it(codes: list[ExitCode]) -> None:
    fine = set(codes) <= {ExitCode.OK, ExitCode.SKIPPED}

    summed_up = verdict(codes)

    assert (summed_up in {ExitCode.OK, ExitCode.SKIPPED}) is fine
    assert (summed_up is ExitCode.SKIPPED) is (set(codes) == {ExitCode.SKIPPED})
    assert summed_up in {*codes, ExitCode.OK}
