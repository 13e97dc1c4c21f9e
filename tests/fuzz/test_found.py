"""Minimal scenarios of what the generator has found: each breaks a promise without its mend."""

import pytest

from tests.fuzz.judge import faults
from tests.fuzz.play import play
from tests.fuzz.scenario import Attempt, Line, Process, Scenario, Stranger
from tests.fuzz.trace import trace

FOUND = {
    "answer_that_names_a_reset_is_no_success": Scenario(first_job_type="reset_connection"),
    "attach_while_a_clear_runs_is_no_success": Scenario(
        processes=(Process("p1", at=1.0, if_running="attach"),),
        strangers=(Stranger(0.0, "clear"),),
    ),
    "reset_after_a_lost_trigger_is_not_ours": Scenario(
        faults=("trigger:lost-before:nth=1",), strangers=(Stranger(0.5, "clear"),)
    ),
    "clear_attached_to_a_sync_is_no_success": Scenario(
        processes=(Process("p1", at=1.0, job_type="clear", if_running="attach"),),
        strangers=(Stranger(0.0),),
    ),
    "refresh_that_joins_a_pending_sync_is_no_success": Scenario(
        jobs=("pending 1, queued 15, running 30, succeeded",),
        processes=(Process("p1", job_type="refresh"), Process("p2")),
    ),
    "signal_while_a_trigger_is_under_way_does_not_deny_it": Scenario(
        faults=("trigger:late-job=70:nth=1",),
        processes=(Process("p1", attempts=(Attempt("SIGTERM", 3.0),)),),
    ),
    "signal_after_a_429_cancels_nobodys_job": Scenario(
        jobs=("running 90, succeeded",),
        faults=("trigger:rate-limit=5:times=1",),
        processes=(Process("p1", attempts=(Attempt("SIGTERM", 1.0),)),),
        strangers=(Stranger(3.0),),
    ),
    "job_long_after_a_429_is_theirs": Scenario(
        jobs=("pending 2, running 300, succeeded",),
        faults=("trigger:429:times=4",),
        strangers=(Stranger(37.0),),
    ),
    "signal_before_the_trigger_leaves_cancels_nobodys_job": Scenario(
        jobs=("running 90, succeeded",),
        processes=(
            Process(
                "p1",
                latency=0.3,
                attempts=(Attempt("SIGTERM", 3.0),),
                lines=(Line(1.5, 2.0, pause=6.0),),
            ),
        ),
        strangers=(Stranger(2.5),),
    ),
    "trigger_that_waits_for_a_connection_is_preceded_by_a_fresh_look": Scenario(
        jobs=("pending 1, running 5, succeeded",),
        faults=("trigger:lost-after:nth=2",),
        processes=(
            Process(
                "p1",
                latency=0.9,
                lines=(Line(1.54, 15.06, pause=0.7), Line(6.61, 38.02, pause=12.0)),
            ),
            Process("p2", at=30.0),
        ),
    ),
    "retry_with_a_clock_three_seconds_ahead_starts_no_second_sync": Scenario(
        jobs=("pending 2, running 10, incomplete 30, running 20, succeeded",),
        processes=(
            Process("p1", skew=3.0, attempts=(Attempt("SIGKILL", 1.0, pause=11.0), Attempt())),
        ),
    ),
    "job_behind_a_503_is_named_where_a_running_job_fails_the_run": Scenario(
        jobs=("pending 1, running 10, succeeded",),
        faults=("trigger:503:applied:times=1",),
        processes=(Process("p1", if_running="fail"),),
    ),
    "answer_that_names_a_refresh_is_the_sync": Scenario(first_job_type="refresh"),
    "signal_after_a_503_cancels_nobodys_job": Scenario(
        jobs=("running 90, succeeded",),
        faults=("trigger:503:retry-after=7:times=1",),
        processes=(Process("p1", attempts=(Attempt("SIGTERM", 1.0),)),),
        strangers=(Stranger(3.0),),
    ),
    "job_in_an_outage_long_after_a_lost_trigger_is_theirs": Scenario(
        jobs=("running 3000, succeeded",),
        faults=("trigger:lost-before:nth=1", "any:502:from=2:for=1200"),
        strangers=(Stranger(600.0),),
    ),
    "scheduled_job_after_a_lost_trigger_is_theirs": Scenario(
        starts_every=400.0,
        starts_after=20.0,
        jobs=("running 90, succeeded",),
        faults=("trigger:lost-before:nth=1",),
        processes=(Process("p1", attempts=(Attempt("SIGTERM", 40.0),)),),
    ),
    "trigger_whose_connection_takes_long_to_stand_is_preceded_by_a_fresh_look": Scenario(
        jobs=("running 5, succeeded",),
        faults=("trigger:lost-before:nth=1",),
        processes=(Process("p1", latency=0.1, lines=(Line(0.55, 0.65, pause=12.0),)),),
        strangers=(Stranger(4.0),),
    ),
    "look_that_is_answered_slowly_is_taken_again_before_a_clear": Scenario(
        jobs=("running 90, succeeded",),
        faults=("jobs:hold=9:applied:times=1",),
        processes=(Process("p1", job_type="clear"),),
        strangers=(Stranger(4.0),),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found_scenario_keeps_every_promise(name: str) -> None:
    played = play(FOUND[name])

    assert faults(played) == [], trace(played)
