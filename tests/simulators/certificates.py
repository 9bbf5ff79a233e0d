"""A certificate authority made on the spot, for https on this machine only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the files are. Clients trust *ca*; servers present *chain* with *key*."""

    ca: Path
    chain: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Write ca.pem, server.pem and server.key for localhost and 127.0.0.1 into *folder*.

    Files that are there already are kept, so several processes can share one authority.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if all(path.exists() for path in (files.ca, files.chain, files.key)):
        return files
    authority = trustme.CA(organization_name="Teams connector simulators")
    server = authority.issue_cert("localhost", "127.0.0.1", "::1")
    server.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    files.chain.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    authority.cert_pem.write_to_path(files.ca)
    return files
