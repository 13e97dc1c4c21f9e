"""Every address that people paste leads to the API, over a real socket."""

import pytest

from airbyte_sync_cli.sandbox import Sandbox
from tests.support.program import call, start
from tests.support.sandboxes import CONNECTION, LOOK, a_sandbox
from tests.support.servers import Stage


def paths(sandbox: Sandbox) -> set[str]:
    """Return the roots of all requested paths."""
    return {request.path.split("/v1")[0] for request in sandbox.requests}


@pytest.mark.parametrize(
    "pasted",
    [
        "{url}",
        "{url}/",
        "  {url}/  ",
        '"{url}"',
        "{bare}",
        "{url}/api/public/v1",
        "{url}/api/public/v1/",
        "{url}/api/public/v1/jobs/",
        "{url}/api/public/",
        "{url}/api/v1",
        "{url}/api",
        "{url}/v1",
        f"{{url}}/workspaces/5ae6b09b-fdec-41af-aaf7-7d94cfc33ef6/connections/{CONNECTION}/status",
        "{url}/workspaces",
        "{url}/settings/applications?tab=1#top",
        "HTTP://{bare}//api//public/v1",
    ],
)
def test_every_pasted_address_finds_the_public_api(stage: Stage, pasted: str) -> None:
    sandbox = a_sandbox()
    url = stage.sandbox(sandbox)
    bare = url.removeprefix("http://")
    ending = call(*LOOK, AIRBYTE_URL=pasted.format(url=url, bare=bare))
    assert (ending.code, ending.report["syncs"][0]["job_id"]) == (0, 1)
    assert "/api/public" in paths(sandbox)


def test_process_finds_the_api(stage: Stage) -> None:
    ending = start(*LOOK, AIRBYTE_URL=stage.sandbox(a_sandbox()))
    assert (ending.code, ending.report["syncs"][0]["connection_id"]) == (0, CONNECTION)
    assert ending.stderr == ""


@pytest.mark.parametrize(
    "name",
    ["AIRBYTE_API_URL", "AIRBYTE_API_ROOT", "AIRBYTE_BASE_URL", "AIRBYTE_SERVER_URL"],
)
def test_other_tools_variables_set_the_address(stage: Stage, name: str) -> None:
    ending = call(*LOOK, **{name: stage.sandbox(a_sandbox())})
    assert ending.code == 0


def test_option_overrides_environment(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox())
    assert call(*LOOK, "--url", url, AIRBYTE_URL="http://127.0.0.1:9").code == 0


@pytest.mark.parametrize("pasted", ["{url}/data/airbyte", "{url}/data/airbyte/api/public/v1"])
def test_airbyte_below_path_of_shared_host_is_found(stage: Stage, pasted: str) -> None:
    sandbox = a_sandbox(
        public_root="/data/airbyte/api/public/v1", config_root="/data/airbyte/api/v1"
    )
    assert call(*LOOK, AIRBYTE_URL=pasted.format(url=stage.sandbox(sandbox))).code == 0
    assert paths(sandbox) == {"/data/airbyte/api/public", "/data/airbyte/api"}


def test_old_public_api_at_v1_is_found(stage: Stage) -> None:
    sandbox = a_sandbox(airbyte_version="0.63", public_root="/v1")
    assert call(*LOOK, AIRBYTE_URL=f"{stage.sandbox(sandbox)}/v1").code == 0


@pytest.mark.parametrize(
    ("api", "used", "unused"),
    [
        ("public", "/api/public", None),
        ("config", "/api", "/api/public"),
        ("auto", "/api/public", None),
    ],
)
def test_selected_api_is_used(stage: Stage, api: str, used: str, unused: str | None) -> None:
    sandbox = a_sandbox()
    ending = call(*LOOK, "--api", api, AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    assert used in paths(sandbox)
    assert unused not in paths(sandbox)


def test_auto_uses_config_api_without_public_api(stage: Stage) -> None:
    sandbox = a_sandbox(public_root="/not/here")
    ending = call(*LOOK, AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    assert "jobs/list" in " ".join(request.path for request in sandbox.requests)


def test_auto_detects_public_api_by_first_read(stage: Stage) -> None:
    sandbox = a_sandbox()
    ending = call("wait", "1", AIRBYTE_URL=stage.sandbox(sandbox))
    names = [request.name for request in sandbox.requests]
    assert (ending.code, names[0], names.count("health")) == (0, "job", 0)
