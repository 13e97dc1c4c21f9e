"""Certificates for servers and clients, created when they are needed."""

import ssl
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """A company's CA with its bundle for `--ca-bundle`, and the certificates that it signs."""

    authority: trustme.CA
    bundle: Path
    folder: Path

    def server(self, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
        """Return a server's TLS context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*names, not_after=not_after).configure_cert(context)
        return context

    def expired(self) -> ssl.SSLContext:
        """Return one with an expired certificate."""
        return self.server("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))

    def self_signed(self) -> ssl.SSLContext:
        """Return one with a self-signed certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with ExitStack() as files:
            lone = trustme.CA()
            certificate = files.enter_context(lone.cert_pem.tempfile())
            key = files.enter_context(lone.private_key_pem.tempfile())
            context.load_cert_chain(certificate, key)
        return context

    def mutual(self, *names: str) -> ssl.SSLContext:
        """Return one that requires a client certificate of this CA."""
        context = self.server(*names)
        context.verify_mode = ssl.CERT_REQUIRED
        self.authority.configure_trust(context)
        return context

    def client(self, name: str) -> tuple[Path, Path]:
        """Create a client certificate; return its file and that of its key."""
        identity = self.authority.issue_cert(name)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(pem.bytes() for pem in identity.cert_chain_pems))
        key.write_bytes(identity.private_key_pem.bytes())
        return certificate, key


def make_certificates(folder: Path) -> Certificates:
    """Create a CA with its bundle in this folder."""
    authority = trustme.CA()
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return Certificates(authority, bundle, folder)
