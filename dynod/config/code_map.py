"""The code map: that which came with dynod, and what a site adds to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field

from dynod.config.fields import Part, Text
from dynod.config.paths import CODES_FILE, error_table_file
from dynod.config.problems import Problems, unknown
from dynod.config.toml_file import read_model
from dynod.model.flags import Flag
from dynod.publish.code_map import CodeMap, Coding, Concept

# A FHIR uri or code as one word, and what a vertical bar or caret of HL7 v2 cannot break.
Uri: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s|^]{1,250}$")]
Code: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,64}$")]
LocalName: TypeAlias = Annotated[str, Field(pattern=r"^99[A-Z0-9]{1,10}$")]


class CodingTable(Part):
    """One code of another system."""

    system: Uri
    code: Code
    display: Text
    source: Text

    def record(self) -> Coding:
        """Return the record."""
        return Coding(self.system, self.code, self.display, self.source)


class ConceptTable(Part):
    """A concept: how it is called, and the codes beside the local one."""

    display: Text | None = None
    coding: Annotated[tuple[CodingTable, ...], Field(strict=False)] = ()


def _entry(value: object) -> object:
    return {"display": value} if isinstance(value, str) else value


# An entry that is text alone is a display.
Group: TypeAlias = dict[str, Annotated[ConceptTable, BeforeValidator(_entry)]]


class LocalTable(Part):
    """The local code system; a site may name its own, and leave out systems of others."""

    system: Uri | None = None
    version: Code | None = None
    hl7v2_name: LocalName | None = None
    leave_out: Annotated[tuple[Uri, ...], Field(strict=False)] = ()


class SiteCodes(Part):
    """A site's ``codes.toml``: everything may be left out."""

    local: LocalTable = LocalTable()
    test: Group = Field(default_factory=dict)
    deficit: Group = Field(default_factory=dict)
    metric: Group = Field(default_factory=dict)
    service: Group = Field(default_factory=dict)
    position: Group = Field(default_factory=dict)
    contraction: Group = Field(default_factory=dict)
    fixation: Group = Field(default_factory=dict)
    side: Group = Field(default_factory=dict)
    summary: Group = Field(default_factory=dict)
    classification: Group = Field(default_factory=dict)
    reason: Group = Field(default_factory=dict)
    calibration: Group = Field(default_factory=dict)
    device: Group = Field(default_factory=dict)
    flag: Group = Field(default_factory=dict)

    def groups(self) -> Mapping[str, Group]:
        """Return the groups of concepts by name."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name not in _NO_GROUPS
        }


class ShippedCodes(SiteCodes):
    """The file that came with dynod. Only there are sides of the body given their codes."""

    body_site: dict[str, ConceptTable]


_NO_GROUPS = {"local", "body_site"}
_OPEN_GROUPS = {"position"}  # a site's batteries name positions of their own


def codes_file() -> Path:
    """Return the code map that came with dynod."""
    return error_table_file().with_name(CODES_FILE)


def load_code_map(config_folder: Path | None) -> CodeMap:
    """Return the code map, with what ``codes.toml`` beside the config file says.

    A site's codings stand before the shipped ones. Raises ConfigError that names file and key.
    """
    shipped = read_model(codes_file(), ShippedCodes)
    own = config_folder / CODES_FILE if config_folder is not None else None
    site = SiteCodes()
    if own is not None and own.is_file():
        site = read_model(own, SiteCodes)
        _check_names(own, site, shipped)
    return _merged(shipped, site)


def _check_names(path: Path, site: SiteCodes, shipped: ShippedCodes) -> None:
    problems = Problems()
    known = {group: set(entries) for group, entries in shipped.groups().items()}
    known["flag"] = {flag.value for flag in Flag}
    for group, entries in site.groups().items():
        for name in sorted(entries.keys() - known[group]):
            if group not in _OPEN_GROUPS:
                problems.add(path, f"{group}.{name}", unknown(name, known[group]))
    problems.raise_if_any()


def _merged(shipped: ShippedCodes, site: SiteCodes) -> CodeMap:
    local, omitted = shipped.local, set(site.local.leave_out)
    own = site.groups()
    concepts = {
        group: {
            name: _concept(name, omitted, own[group].get(name), entries.get(name))
            for name in (*entries, *(own[group].keys() - entries.keys()))
        }
        for group, entries in shipped.groups().items()
    }
    return CodeMap(
        system=site.local.system or local.system or "",
        version=site.local.version or local.version or "",
        hl7v2_name=site.local.hl7v2_name or local.hl7v2_name or "",
        concepts=concepts,
        body_sites={
            name: _concept(name, omitted, entry) for name, entry in shipped.body_site.items()
        },
    )


def _concept(name: str, omitted: set[str], *entries: ConceptTable | None) -> Concept:
    """Return a concept of its entries, those that come first before the others."""
    tables = [entry for entry in entries if entry is not None]
    display = next((table.display for table in tables if table.display), name.replace("_", " "))
    codings = (coding for table in tables for coding in _records(table))
    return Concept(display, tuple(coding for coding in codings if coding.system not in omitted))


def _records(table: ConceptTable) -> Iterator[Coding]:
    return (coding.record() for coding in table.coding)
