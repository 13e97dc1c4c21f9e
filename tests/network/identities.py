"""Tokens and service account files as Google issues them for the Identity-Aware Proxy."""

import base64
import json
import time
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "1234-abcd.apps.googleusercontent.com"


def identity(audience: str, *, lifetime: float = 3600, number: int = 1) -> str:
    """Return an identity token; its signature is not checked."""
    now = int(time.time())
    claims = {"aud": audience, "iat": now, "exp": now + lifetime, "n": number}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, base64.urlsafe_b64encode(b"signed").rstrip(b"=").decode()])


def service_account(folder: Path, token_uri: str) -> str:
    """Write a service account file with this token endpoint; return its path."""
    file = folder / "service-account.json"
    content = {
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "key-id",
        "private_key": _key(),
        "client_email": "airbyte-sync@a-project.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    file.write_text(json.dumps(content))
    return str(file)


@cache
def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()
