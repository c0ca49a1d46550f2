"""A certificate authority for tests, made by the openssl program."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.mosquitto import find_program

MISSING = "openssl is not installed; try: sudo apt-get install openssl"


@dataclass(frozen=True)
class Signed:
    certificate: Path
    key: Path


class Authority:
    """Signs certificates; ``folder`` holds everything it makes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._openssl = find_program("openssl", MISSING)
        self._key = folder / f"{name}.key"
        self.certificate = folder / f"{name}.pem"
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def sign(
        self,
        name: str,
        subject_alt_name: str,
        *,
        common_name: str | None = None,
    ) -> Signed:
        subject = (common_name or name).replace("/", "\\/")
        key, certificate = self._folder / f"{name}.key", self._folder / f"{name}.pem"
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={subject}"),
            *("-addext", f"subjectAltName={subject_alt_name}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-keyout", str(key), "-out", str(certificate)),
        )
        return Signed(certificate, key)

    def expired(self, name: str, subject_alt_name: str) -> Signed:
        """A certificate whose last day was yesterday."""
        request = self._folder / f"{name}.csr"
        signed = Signed(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        self._run(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName={subject_alt_name}"),
            *("-keyout", str(signed.key), "-out", str(request)),
        )
        self._run(
            *("x509", "-req", "-in", str(request), "-copy_extensions", "copy", "-days", "-1"),
            *("-CA", str(self.certificate), "-CAkey", str(self._key), "-set_serial", "7"),
            *("-out", str(signed.certificate)),
        )
        return signed

    def _run(self, *arguments: str) -> None:
        done = subprocess.run([self._openssl, *arguments], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
