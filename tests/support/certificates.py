"""Certificates for servers and clients, made when they are needed."""

import ssl
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """A company's CA, whose file is what `--ca-bundle` takes, and what it signs."""

    authority: trustme.CA
    bundle: Path
    folder: Path

    def server(self, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
        """Make a server's side with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*names, not_after=not_after).configure_cert(context)
        return context

    def expired(self) -> ssl.SSLContext:
        """Make one whose time was over long ago."""
        return self.server("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))

    def self_signed(self) -> ssl.SSLContext:
        """Make one that only vouches for itself."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with ExitStack() as files:
            lone = trustme.CA()
            certificate = files.enter_context(lone.cert_pem.tempfile())
            key = files.enter_context(lone.private_key_pem.tempfile())
            context.load_cert_chain(certificate, key)
        return context

    def mutual(self, *names: str) -> ssl.SSLContext:
        """Make one that wants to see a certificate of the same CA."""
        context = self.server(*names)
        context.verify_mode = ssl.CERT_REQUIRED
        self.authority.configure_trust(context)
        return context

    def client(self, name: str) -> tuple[Path, Path]:
        """Make a client's certificate; the files of it and of its key."""
        identity = self.authority.issue_cert(name)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(pem.bytes() for pem in identity.cert_chain_pems))
        key.write_bytes(identity.private_key_pem.bytes())
        return certificate, key


def make_certificates(folder: Path) -> Certificates:
    """Make a CA whose file lies in this folder."""
    authority = trustme.CA()
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return Certificates(authority, bundle, folder)
