"""Authentication: off, Basic at a proxy, client credentials."""

import base64
import json

import httpx
import pytest

from tests.sandbox.client import SandboxClient, sandbox_client
from tests.support.virtual import virtual

CREDENTIALS = {"client_id": "sandbox-client-id", "client_secret": "sandbox-client-secret"}
PUBLIC = "/api/public/v1/applications/token"
CONFIG = "/api/v1/applications/token"


async def list_with(it: SandboxClient, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await it.client.get("/api/public/v1/jobs", headers=headers)


@virtual
async def test_auth_none_ignores_credentials_and_has_no_token_endpoint() -> None:
    async with sandbox_client() as it:
        assert (await list_with(it, "nonsense")).status_code == 200
        for path in (PUBLIC, CONFIG):
            assert (await it.client.post(path, json=CREDENTIALS)).status_code == 404


@virtual
async def test_basic_auth_rejects_probes_with_html_page() -> None:
    async with sandbox_client(auth="basic") as it:
        for given in (None, ("airbyte", "wrong"), ("airbyte", "")):
            answer = await it.client.get("/api/v1/health", auth=given)
            assert answer.status_code == 401
            assert answer.headers["content-type"].startswith("text/html")
        right = await it.client.get("/api/v1/health", auth=("airbyte", "password"))
        odd = await it.client.get("/api/v1/health", headers={"Authorization": "Basic %%%"})
    assert (right.status_code, odd.status_code) == (200, 401)


@virtual
async def test_token_is_valid_in_both_apis_until_it_expires() -> None:
    async with sandbox_client(auth="client-credentials", token_lifetime=5) as it:
        given = (await it.client.post(PUBLIC, json=CREDENTIALS)).json()
        token = given["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = {"configTypes": ["sync"]}
        config = await it.client.post("/api/v1/jobs/list", json=body, headers=headers)
        assert (config.status_code, (await list_with(it, token)).status_code) == (200, 200)
        await it.pass_time(5)
        ended = await list_with(it, token)
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 5)
    assert (ended.status_code, ended.json()["message"]) == (401, "Unauthorized")


@virtual
async def test_exp_claim_is_right_where_expires_in_is_wrong() -> None:
    async with sandbox_client(auth="client-credentials", airbyte_version="1.0") as it:
        given = (await it.client.post(PUBLIC, json=CREDENTIALS)).json()
    payload = given["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert given["expires_in"] == 180
    assert claims["exp"] - claims["iat"] == 86_400


@virtual
async def test_token_lifetime_is_real_time_at_any_speed() -> None:
    async with sandbox_client(auth="client-credentials", token_lifetime=60, speed=1000) as it:
        token = (await it.client.post(PUBLIC, json=CREDENTIALS)).json()["access_token"]
        await it.pass_time(59)
        assert (await list_with(it, token)).status_code == 200
        await it.pass_time(1)
        assert (await list_with(it, token)).status_code == 401


@virtual
async def test_config_api_token_has_no_expires_in() -> None:
    async with sandbox_client(auth="client-credentials") as it:
        answer = await it.client.post(CONFIG, json=CREDENTIALS)
    assert set(answer.json()) == {"access_token"}


@pytest.mark.parametrize(("version", "status"), [("1.0", 401), ("1.8", 200)])
@virtual
async def test_form_encoded_token_request_fails_before_1_7(version: str, status: int) -> None:
    async with sandbox_client(auth="client-credentials", airbyte_version=version) as it:
        assert (await it.client.post(PUBLIC, data=CREDENTIALS)).status_code == status


@virtual
async def test_0_63_has_token_endpoint_in_config_api_only() -> None:
    async with sandbox_client(auth="client-credentials", airbyte_version="0.63") as it:
        assert (await it.client.post(PUBLIC, json=CREDENTIALS)).status_code in {401, 404}
        assert (await it.client.post(CONFIG, json=CREDENTIALS)).status_code == 200


@pytest.mark.parametrize(("version", "status"), [("2.0", 400), ("latest", 401)])
@virtual
async def test_wrong_credentials_are_rejected(version: str, status: int) -> None:
    async with sandbox_client(auth="client-credentials", airbyte_version=version) as it:
        wrong = {**CREDENTIALS, "client_secret": "wrong"}
        answer = await it.client.post(PUBLIC, json=wrong)
        partial = await it.client.post(PUBLIC, json={"client_id": "x"})
    assert (answer.status_code, partial.status_code) == (status, 400)


@virtual
async def test_probes_need_no_token() -> None:
    async with sandbox_client(auth="client-credentials") as it:
        assert (await it.get("/health")).status_code == 200
        told = (await it.client.get("/api/v1/instance_configuration")).json()
        assert told["auth"]["mode"] == "simple"
        assert (await it.client.get("/")).status_code == 200
        assert (await it.get("/jobs")).status_code == 401


@virtual
async def test_expire_tokens_fault_expires_every_token() -> None:
    async with sandbox_client(auth="client-credentials") as it:
        token = (await it.client.post(PUBLIC, json=CREDENTIALS)).json()["access_token"]
        it.fault("jobs:expire-tokens:nth=2")
        seen = [(await list_with(it, token)).status_code for _ in range(3)]
    assert seen == [200, 401, 401]
