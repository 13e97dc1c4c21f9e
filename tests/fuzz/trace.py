"""A scenario's story for people: who did what when, in the order of time."""

from collections.abc import Iterator
from operator import itemgetter

from tests.fuzz.judge import judge
from tests.fuzz.play import Played
from tests.fuzz.process import Left


def trace(played: Played) -> str:
    """Write the scenario, everything that happened, and what was found wrong."""
    moments = [*_sandbox(played)]
    for left in played.lefts:
        moments += _process(left)
    for number, stranger in enumerate(played.scenario.strangers):
        moments.append((stranger.at, f"stranger{number + 1}", stranger.deed))
    lines = [
        f"{at:10.3f}  {who:<10} {what}" for at, who, what in sorted(moments, key=itemgetter(0))
    ]
    found = [f"! {finding}" for finding in judge(played)]
    return "\n".join([repr(played.scenario), "", *lines, "", *(found or ["nothing is wrong"])])


_Moment = tuple[float, str, str]


def _sandbox(played: Played) -> Iterator[_Moment]:
    for job in played.jobs:
        asked = ", ".join(job.asked_by) or "the schedule"
        words = f"job {job.id} ({job.type}) is born, asked for by {asked}"
        yield played.born(job), "airbyte", words
        for span in job.spans:
            yield played.age(span.start), "airbyte", f"job {job.id} is {span.status}"
        for cancel in job.cancelled_by:
            lost = "" if cancel.took_effect else ", which is lost"
            yield (
                played.age(cancel.at),
                "airbyte",
                f"cancel of job {job.id} by {cancel.by}{lost}",
            )
    for request in played.sandbox.requests:
        if request.fault is not None:
            words = f"{request.name} of {request.caller} meets {request.fault}"
            yield played.age(request.time), "airbyte", words


def _process(left: Left) -> Iterator[_Moment]:
    yield left.began, left.name, "starts"
    if left.signalled is not None:
        yield left.signalled, left.name, left.signal
    for sent in left.sent:
        yield sent.at, left.name, f"#{sent.number} {sent.method} {sent.path}"
        if sent.ended_at is not None:
            yield sent.ended_at, left.name, f"#{sent.number} -> {sent.outcome}"
    if left.ended is not None:
        code = left.signal if left.code is None else f"exit {left.code}"
        yield left.ended, left.name, code
        for line in (left.stderr + left.stdout).splitlines():
            yield left.ended, left.name, f"  | {line}"
