"""Comparing versions."""

import pytest

from airbyte_sync_cli.sandbox.versions import quirks_of


def test_versions_are_compared_as_numbers() -> None:
    assert quirks_of("v1.10.2").since(1, 9)
    assert not quirks_of("0.63").since(0, 64)
    assert quirks_of("latest").since(2, 1)
    with pytest.raises(ValueError, match="is not an Airbyte version"):
        quirks_of("two")
