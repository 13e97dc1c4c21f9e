"""Lists and resources of the Public API."""

import pytest

from airbyte_sync_cli.sandbox import JobScript
from tests.sandbox.client import sandbox_client
from tests.support.virtual import virtual

QUICK = JobScript(life="running 1, succeeded")


@virtual
async def test_jobs_are_listed_oldest_first_by_default() -> None:
    async with sandbox_client() as it:
        await it.run_jobs(3)
        default = (await it.get("/jobs")).json()
        newest = (await it.get("/jobs", orderBy="createdAt|DESC")).json()
    assert [job["jobId"] for job in default["data"]] == [1, 2, 3]
    assert [job["jobId"] for job in newest["data"]] == [3, 2, 1]


@virtual
async def test_page_has_twenty_rows_and_next_link_with_foreign_host() -> None:
    async with sandbox_client() as it:
        connection = await it.run_jobs(25)
        first = (await it.get("/jobs", connectionId=connection, orderBy="createdAt|DESC")).json()
        last = (await it.get("/jobs", offset=20)).json()
        beyond = (await it.get("/jobs", offset=40)).json()
    assert len(first["data"]) == 20
    assert first["next"].startswith("http://localhost:8001/api/public/v1/jobs?connectionId=")
    assert "orderBy" not in first["next"]
    assert (len(last["data"]), last["next"] != "") == (5, True)
    assert (beyond["data"], beyond["next"], first["previous"]) == ([], "", "")


@virtual
async def test_page_overlap_repeats_rows() -> None:
    async with sandbox_client(page_overlap=3) as it:
        await it.run_jobs(25)
        pages = [(await it.get("/jobs", offset=start)).json()["data"] for start in (0, 20)]
    ids = [[job["jobId"] for job in page] for page in pages]
    assert ids[1][:4] == [18, 19, 20, 21]


@pytest.mark.parametrize(("version", "types"), [("2.0", ["sync", "reset"]), ("latest", None)])
@virtual
async def test_default_job_types_of_list_depend_on_version(
    version: str, types: list[str] | None
) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        connection = it.sandbox.add_connection("orders")
        every = ["sync", "reset_connection", "refresh", "clear"]
        for kind in every:
            it.sandbox.start_job(connection, kind=kind, script=QUICK)
        shown = [job["jobType"] for job in (await it.get("/jobs")).json()["data"]]
    assert shown == (types or ["sync", "reset", "refresh", "clear"])


@virtual
async def test_jobs_are_filtered() -> None:
    async with sandbox_client() as it:
        await it.run_jobs(3)
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
async def test_both_ends_of_range_are_inclusive() -> None:
    async with sandbox_client() as it:
        await it.run_jobs(3)
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
async def test_invalid_parameters_are_400(query: dict[str, object]) -> None:
    async with sandbox_client() as it:
        answer = await it.get("/jobs", **query)
    assert (answer.status_code, answer.json()["title"]) == (400, "bad-request")


@pytest.mark.parametrize(
    ("version", "public", "config"), [("2.0", 400, 422), ("2.1", 400, 200), ("latest", 200, 200)]
)
@virtual
async def test_queued_filter_depends_on_version(version: str, public: int, config: int) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        asked = await it.get("/jobs", status="queued")
        listed = await it.ask("jobs/list", configTypes=["sync"], statuses=["queued"])
    assert (asked.status_code, listed.status_code) == (public, config)


@virtual
async def test_2_1_fails_at_queued_job() -> None:
    async with sandbox_client(airbyte_version="2.1") as it:
        await it.run_jobs(2)
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
    async with sandbox_client() as it:
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
async def test_sources_and_destinations_are_listed_in_both_apis() -> None:
    async with sandbox_client() as it:
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


@virtual
async def test_workspaces_and_actors_are_read_by_id() -> None:
    async with sandbox_client() as it:
        orders = it.sandbox.add_connection("orders", source="Kafka", destination="Lake")
        paths = {
            f"/workspaces/{orders.workspace_id}": "Default",
            f"/sources/{orders.source_id}": "Kafka",
            f"/destinations/{orders.destination_id}": "Lake",
        }
        found = {path: (await it.get(path)).json()["name"] for path in paths}
        missing = [await it.get(f"/{kind}/{orders.id}") for kind in ("workspaces", "sources")]
    assert found == paths
    assert [answer.status_code for answer in missing] == [404, 404]
    assert missing[1].json()["data"] == {
        "resourceType": "SOURCE_CONNECTION",
        "resourceId": orders.id,
    }


@pytest.mark.parametrize("version", ["1.0", "latest"])
@virtual
async def test_tags_exist_since_1_6(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        orders = it.sandbox.add_connection("orders", tags=("nightly",))
        shown = (await it.get(f"/connections/{orders.id}")).json()
        tags = await it.get("/tags", workspaceIds=orders.workspace_id)
    if version == "1.0":
        assert (shown["dataResidency"], "tags" in shown, tags.status_code) == ("auto", False, 404)
    else:
        assert shown["tags"] == tags.json()["data"]
        assert "dataResidency" not in shown
