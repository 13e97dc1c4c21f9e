"""Lists: oldest first, twenty at a time, with links that nobody should follow."""

import uuid

import pytest

from airbyte_sync_cli.sandbox import JobScript
from tests.sandbox.lab import Lab, lab
from tests.support.virtual import virtual

QUICK = JobScript(life="running 1, succeeded")


async def fill(it: Lab, jobs: int) -> str:
    """Run so many jobs, ten seconds apart; the id of their connection."""
    connection = it.sandbox.add_connection("orders", script=QUICK)
    for _ in range(jobs):
        it.sandbox.start_job(connection)
        await it.pass_time(10)
    return connection.id


@virtual
async def test_jobs_are_listed_oldest_first_unless_asked() -> None:
    async with lab() as it:
        await fill(it, 3)
        default = (await it.get("/jobs")).json()
        newest = (await it.get("/jobs", orderBy="createdAt|DESC")).json()
    assert [job["jobId"] for job in default["data"]] == [1, 2, 3]
    assert [job["jobId"] for job in newest["data"]] == [3, 2, 1]


@virtual
async def test_a_page_has_twenty_rows_and_next_leads_astray() -> None:
    async with lab() as it:
        connection = await fill(it, 25)
        first = (await it.get("/jobs", connectionId=connection, orderBy="createdAt|DESC")).json()
        last = (await it.get("/jobs", offset=20)).json()
        beyond = (await it.get("/jobs", offset=40)).json()
    assert len(first["data"]) == 20
    assert first["next"].startswith("http://localhost:8001/api/public/v1/jobs?connectionId=")
    assert "orderBy" not in first["next"]
    assert (len(last["data"]), last["next"] != "") == (5, True)
    assert (beyond["data"], beyond["next"], first["previous"]) == ([], "", "")


@virtual
async def test_pages_may_repeat_rows() -> None:
    async with lab(page_overlap=3) as it:
        await fill(it, 25)
        pages = [(await it.get("/jobs", offset=start)).json()["data"] for start in (0, 20)]
    ids = [[job["jobId"] for job in page] for page in pages]
    assert ids[1][:4] == [18, 19, 20, 21]


@pytest.mark.parametrize(("version", "types"), [("2.0", ["sync", "reset"]), ("latest", None)])
@virtual
async def test_which_types_a_list_covers_depends_on_the_version(
    version: str, types: list[str] | None
) -> None:
    async with lab(airbyte_version=version) as it:
        connection = it.sandbox.add_connection("orders")
        every = ["sync", "reset_connection", "refresh", "clear"]
        for kind in every:
            it.sandbox.start_job(connection, kind=kind, script=QUICK)
        shown = [job["jobType"] for job in (await it.get("/jobs")).json()["data"]]
    assert shown == (types or ["sync", "reset", "refresh", "clear"])


@virtual
async def test_jobs_are_filtered() -> None:
    async with lab() as it:
        await fill(it, 3)
        other = it.sandbox.add_connection("other", workspace="Elsewhere")
        it.sandbox.start_job(other, script=JobScript(life="running"))
        asked = [
            {"status": "running"},
            {"workspaceIds": other.workspace_id},
            {"connectionId": other.id},
            {"createdAtStart": "2026-01-01T00:00:30Z"},
            {"updatedAtStart": "2026-01-01T00:00:30+00:00"},
        ]
        found = [(await it.get("/jobs", **each)).json()["data"] for each in asked]
    assert [[job["jobId"] for job in jobs] for jobs in found] == [[4]] * 5


@virtual
async def test_both_ends_of_a_range_are_inclusive() -> None:
    async with lab() as it:
        await fill(it, 3)
        query = {"createdAtStart": "2026-01-01T00:00:10Z", "createdAtEnd": "2026-01-01T00:00:20Z"}
        jobs = (await it.get("/jobs", **query)).json()["data"]
    assert [job["jobId"] for job in jobs] == [2, 3]


@pytest.mark.parametrize(
    "query",
    [
        {"orderBy": "createdAt"},
        {"limit": 101},
        {"limit": "many"},
        {"offset": -1},
        {"status": "hibernating"},
        {"status": "running,pending"},
        {"jobType": "nonsense"},
        {"createdAtStart": "1767225600"},
        {"createdAtStart": "2026-01-01T00:00:00"},
    ],
)
@virtual
async def test_bad_parameters_are_a_400(query: dict[str, object]) -> None:
    async with lab() as it:
        answer = await it.get("/jobs", **query)
    assert (answer.status_code, answer.json()["title"]) == (400, "bad-request")


@virtual
async def test_the_config_api_lists_newest_first_and_counts_all() -> None:
    async with lab() as it:
        connection = await fill(it, 3)
        page = {"pageSize": 2, "rowOffset": 0}
        body = {"configTypes": ["sync"], "configId": connection, "pagination": page}
        shown = (await it.ask("jobs/list", **body)).json()
    assert [row["job"]["id"] for row in shown["jobs"]] == [3, 2]
    assert shown["totalJobCount"] == 3
    assert shown["jobs"][0]["attempts"][0]["status"] == "succeeded"


@virtual
async def test_the_config_api_wants_known_types() -> None:
    async with lab(airbyte_version="1.8") as it:
        empty = await it.ask("jobs/list", configTypes=[])
        unknown = await it.ask("jobs/list", configTypes=["sync", "nonsense"])
    assert (empty.status_code, unknown.status_code) == (500, 422)


@virtual
async def test_old_servers_know_fewer_types_and_bad_times_are_a_400() -> None:
    async with lab(airbyte_version="0.57") as it:
        old = await it.ask("jobs/list", configTypes=["sync", "clear"])
        both = await it.ask("jobs/list", configTypes=["sync", "refresh"])
        bad = await it.ask("jobs/list", configTypes=["sync"], createdAtStart="yesterday")
    assert [answer.status_code for answer in (old, both, bad)] == [422, 200, 400]


@pytest.mark.parametrize(
    "more",
    [
        {"statuses": ["hibernating"]},
        {"orderByField": "name"},
        {"orderByMethod": "sideways"},
        {"pagination": {"pageSize": "many"}},
        {"pagination": {"rowOffset": -1}},
    ],
)
@virtual
async def test_a_list_of_the_config_api_wants_sense(more: dict[str, object]) -> None:
    async with lab() as it:
        assert (await it.ask("jobs/list", configTypes=["sync"], **more)).status_code == 422


@virtual
async def test_words_of_a_list_may_have_any_case() -> None:
    async with lab() as it:
        await fill(it, 2)
        body = {"configTypes": ["SYNC"], "statuses": ["Succeeded"], "orderByMethod": "asc"}
        config = (await it.ask("jobs/list", **body)).json()["jobs"]
        public = (await it.get("/jobs", status="SUCCEEDED", jobType="Sync")).json()["data"]
    assert [row["job"]["id"] for row in config] == [job["jobId"] for job in public] == [1, 2]


@pytest.mark.parametrize(
    ("version", "public", "config"), [("2.0", 400, 422), ("2.1", 400, 200), ("latest", 200, 200)]
)
@virtual
async def test_which_servers_know_queued(version: str, public: int, config: int) -> None:
    async with lab(airbyte_version=version) as it:
        asked = await it.get("/jobs", status="queued")
        listed = await it.ask("jobs/list", configTypes=["sync"], statuses=["queued"])
    assert (asked.status_code, listed.status_code) == (public, config)


@virtual
async def test_the_public_api_of_2_1_fails_at_a_queued_job() -> None:
    async with lab(airbyte_version="2.1") as it:
        await fill(it, 2)
        script = JobScript(life="queued 5, running 5, succeeded")
        it.sandbox.start_job(it.sandbox.connections[0], script=script)
        one, page = await it.get("/jobs/3"), await it.get("/jobs")
        old, config = await it.get("/jobs", limit=2), await it.ask("jobs/get_light", id=3)
        await it.pass_time(6)
        later = await it.get("/jobs/3")
    assert [answer.status_code for answer in (one, page, old, later)] == [500, 500, 200, 200]
    assert set(one.json()) == {"errorId"}
    assert config.json()["job"]["status"] == "queued"


@virtual
async def test_connections_are_listed_by_workspace_and_tag() -> None:
    async with lab() as it:
        nightly = it.sandbox.add_connection("orders", tags=("nightly",))
        it.sandbox.add_connection("customers", workspace="Elsewhere")
        it.sandbox.add_connection("gone", status="deprecated")
        every = (await it.get("/connections")).json()["data"]
        deleted = (await it.get("/connections", includeDeleted="true")).json()["data"]
        tagged = (await it.get("/connections", tagIds=nightly.tags[0].id)).json()["data"]
        placed = (await it.get("/connections", workspaceIds=nightly.workspace_id)).json()["data"]
    names = [[row["name"] for row in rows] for rows in (every, deleted, tagged, placed)]
    assert names == [
        ["orders", "customers"],
        ["orders", "customers", "gone"],
        ["orders"],
        ["orders"],
    ]


@virtual
async def test_names_of_the_config_api() -> None:
    async with lab() as it:
        orders = it.sandbox.add_connection("orders", tags=("nightly",), schedule="every 2 hours")
        workspace = orders.workspace_id
        listed = (await it.ask("connections/list", workspaceId=workspace)).json()["connections"]
        one = (await it.ask("connections/get", connectionId=orders.id)).json()
    assert listed == [one]
    assert one["scheduleData"] == {"basicSchedule": {"units": 2, "timeUnit": "hours"}}
    assert [tag["name"] for tag in one["tags"]] == ["nightly"]


@pytest.mark.parametrize(("version", "served"), [("1.6", True), ("1.7", False)])
@virtual
async def test_list_of_all_workspaces_is_gone_since_1_7(version: str, served: bool) -> None:  # noqa: FBT001
    async with lab(airbyte_version=version) as it:
        user = (await it.client.get("/api/v1/instance_configuration")).json()["defaultUserId"]
        every = await it.ask("workspaces/list")
        own = await it.ask("workspaces/list_by_user_id", userId=user)
    assert every.status_code == (200 if served else 404)
    assert len(own.json()["workspaces"]) == 1
    assert not served or every.json() == own.json()


@virtual
async def test_unknown_user_sees_no_workspace() -> None:
    async with lab() as it:
        unknown = await it.ask("workspaces/list_by_user_id", userId=str(uuid.UUID(int=7)))
    assert unknown.json() == {"workspaces": []}


@virtual
async def test_jobs_of_workspaces_come_in_one_list() -> None:
    async with lab() as it:
        await fill(it, 2)
        other = it.sandbox.add_connection("other", workspace="Elsewhere")
        it.sandbox.start_job(other, script=JobScript(life="running"))
        page = {"pageSize": 1, "rowOffset": 0}
        body: dict[str, object] = {"configTypes": ["sync"], "orderByMethod": "ASC"}
        path = "jobs/list_for_workspaces"
        every = await it.ask(path, workspaceIds=list(it.sandbox.state.workspaces), **body)
        own = await it.ask(path, workspaceIds=[other.workspace_id], **body)
        nothing = await it.ask(path, workspaceIds=[], **body)
        first = await it.ask(
            path, workspaceIds=list(it.sandbox.state.workspaces), pagination=page, **body
        )
    answers = [answer.json() for answer in (every, own, nothing, first)]
    ids = [[row["job"]["id"] for row in answer["jobs"]] for answer in answers]
    assert ids == [[1, 2, 3], [3], [], [1]]
    assert [answer["totalJobCount"] for answer in answers] == [3, 1, 0, 1]


@virtual
async def test_sources_and_destinations_are_named_in_both_apis() -> None:
    async with lab() as it:
        orders = it.sandbox.add_connection("orders", source="Postgres", destination="Lake")
        it.sandbox.add_connection("events", source="Kafka", destination="Lake")
        it.sandbox.add_connection("other", source="Stripe", workspace="Elsewhere")
        within = orders.workspace_id
        pages = [
            (await it.get(f"/{kind}", workspaceIds=within)).json()["data"]
            for kind in ("sources", "destinations")
        ]
        sources = (await it.ask("sources/list", workspaceId=within)).json()["sources"]
    assert [[row["name"] for row in page] for page in pages] == [["Postgres", "Kafka"], ["Lake"]]
    assert sources[0]["sourceId"] == orders.source_id
