"""Calibration certificates of a site, from ``calibration.d`` beside the config file."""

from pathlib import Path

from dynod.config.problems import Problems
from dynod.config.toml_file import check_model, parse_toml, read_all, read_model
from dynod.model.calibration import Certificate

SITE_FOLDER = "calibration.d"


def read_certificate(path: Path) -> Certificate:
    """Return the certificate of one file. Raises ConfigError that names file and key."""
    from dynod.config.certificate_file import CertificateFile  # a start without files needs none

    return read_model(path, CertificateFile).record()


def parse_certificate(text: str, source: Path) -> Certificate:
    """Return the certificate of a file's text; ``source`` is what errors call it.

    Raises ConfigError as `read_certificate` does.
    """
    from dynod.config.certificate_file import CertificateFile

    return check_model(source, parse_toml(text, source), CertificateFile).record()


def load_certificates(config_folder: Path) -> tuple[Certificate, ...]:
    """Return the site's certificates, by file name.

    Raises ConfigError with one line per mistake, over all files; an id may occur once.
    """
    files = sorted((config_folder / SITE_FOLDER).glob("*.toml"))
    problems = Problems()
    found: dict[str, Certificate] = {}
    for path, certificate in read_all(files, read_certificate).items():
        if certificate.certificate_id in found:
            problems.add(path, "certificate_id", "another file has the same one")
        found[certificate.certificate_id] = certificate
    problems.raise_if_any()
    return tuple(found.values())
