"""Scripts depend on the exit codes: numbers are only added, never changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.exit_codes import TABLE, ExitCode, verdict

PUBLISHED = {
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


def test_published_codes_keep_their_names() -> None:
    current = {int(code): row.outcome for code, row in TABLE.items()}

    assert current | PUBLISHED == current


def test_every_code_has_a_row() -> None:
    assert set(TABLE) == set(ExitCode)


@given(st.lists(st.sampled_from(ExitCode), min_size=1))
def test_combined_code_is_0_only_without_failures(codes: list[ExitCode]) -> None:
    fine = set(codes) <= {ExitCode.OK, ExitCode.SKIPPED}

    combined = verdict(codes)

    assert (combined in {ExitCode.OK, ExitCode.SKIPPED}) is fine
    assert (combined is ExitCode.SKIPPED) is (set(codes) == {ExitCode.SKIPPED})
    assert combined in {*codes, ExitCode.OK}


def test_no_codes_are_not_a_success() -> None:
    with pytest.raises(ValueError, match="no exit codes"):
        verdict([])
