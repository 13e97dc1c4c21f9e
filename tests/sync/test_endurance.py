"""A wait of three days holds no more in its second half than in its first."""

from tests.support.endurance import wait_in_virtual_time


def test_wait_of_72_hours_with_flapping_api_does_not_grow() -> None:
    waited = wait_in_virtual_time(72, jobs=2, poll_interval=600)

    assert waited.ended_well
    assert waited.looks > 500
    assert waited.outages > 50
    assert waited.is_flat, waited.samples
