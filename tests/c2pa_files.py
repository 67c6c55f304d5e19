"""Files with content credentials, signed on the spot by the library's own signer, with authorities made by openssl."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import c2pa
from tests.servers import not_installed

_CONFIG: Final = """\
[req]
distinguished_name = dn
prompt = no
[dn]
O = {organisation}
CN = {organisation} Root
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, emailProtection
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""

CLAIM: Final[dict[str, Any]] = {
    "claim_generator_info": [{"name": "Cutter", "version": "3.1"}],
    "title": "clip.mp4",
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
                        "softwareAgent": {"name": "Camera 1"},
                        "when": "2026-01-30T18:02:11Z",
                    },
                    {"action": "c2pa.edited"},
                ]
            },
        }
    ],
}


@dataclass(frozen=True)
class Authority:
    """An authority, and a signer that it vouches for.

    Attributes:
        certificate: of the authority, in PEM.
        chain: of the signer and the authority, in PEM.
        key: of the signer, in PEM.
    """

    certificate: str
    chain: str
    key: bytes

    def sign(self, source: Path, target: Path, media_type: str, claim: dict[str, Any] | None = None) -> Path:
        """Write a copy of a file with content credentials in it."""
        builder = c2pa.Builder(json.dumps(claim or CLAIM))
        self._sign(builder, source, target, media_type)
        return target

    def sign_elsewhere(self, source: Path, target: Path, media_type: str, address: str) -> Path:
        """Write a copy that only names an address of its content credentials."""
        builder = c2pa.Builder(json.dumps(CLAIM))
        builder.set_no_embed()
        builder.set_remote_url(address)
        self._sign(builder, source, target, media_type)
        return target

    def _sign(self, builder: c2pa.Builder, source: Path, target: Path, media_type: str) -> None:
        info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=self.chain.encode(), private_key=self.key, ta_url=None)
        with source.open("rb") as read, target.open("w+b") as written, c2pa.Signer.from_info(info) as signer:
            builder.sign(signer, media_type, read, written)


def make_authority(folder: Path, organisation: str, signer: str = "Case Camera") -> Authority:
    """Make an authority and a signer below `folder`."""
    if shutil.which("openssl") is None:
        not_installed("openssl is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(_CONFIG.format(organisation=organisation), encoding="utf-8")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    for name in ("ca", "leaf"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", f"{name}.key")
    root = ["-x509", "-key", "ca.key", "-sha256", "-days", "30", "-config", "config", "-extensions", "ca"]
    openssl("req", "-new", *root, "-out", "ca.pem")
    openssl("req", "-new", "-key", "leaf.key", "-subj", f"/O={organisation}/CN={signer}", "-out", "leaf.csr")
    by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20", "-sha256"]
    openssl("x509", "-req", "-in", "leaf.csr", *by, "-extfile", "config", "-extensions", "leaf", "-out", "leaf.pem")
    certificate = (folder / "ca.pem").read_text(encoding="utf-8")
    chain = (folder / "leaf.pem").read_text(encoding="utf-8") + certificate
    return Authority(certificate, chain, (folder / "leaf.key").read_bytes())
