"""Fields and segments of HL7 v2 (2.5.1, chapter 2): delimiters, escapes, times, numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime

from dynod.model.session import Identifier
from dynod.publish.sides import rounded

NAMESPACE = "DYNOD"
"""Who gives out dynod's own identifiers."""

# Chapter 2.7: what stands for the delimiters |^&~\ inside a text.
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
# Table 0301, and the name of a system in table 0396.
_UNIVERSAL = (("urn:oid:", "ISO"), ("urn:uuid:", "UUID"))
CODING_SYSTEMS = {"http://loinc.org": "LN", "http://snomed.info/sct": "SCT"}
"""Names of code systems in HL7 v2 by their FHIR URIs (table 0396)."""


def escaped(text: str) -> str:
    """Return a text that no delimiter and no control character can break out of."""
    return "".join(_character(character) for character in text)


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    return f"\\X{character.encode('utf-8', 'surrogatepass').hex().upper()}\\"


def parts(*components: str) -> str:
    """Return a field of components, which are escaped; empty ones at the end are left out."""
    return "^".join(escaped(component) for component in components).rstrip("^")


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment of fields by number, which are ready made."""
    last = max(fields, default=0)
    return "|".join((name, *(fields.get(number, "") for number in range(1, last + 1)))).rstrip("|")


def moment(when: datetime) -> str:
    """Return a time to the second with its zone, in UTC."""
    return f"{when.astimezone(UTC):%Y%m%d%H%M%S}+0000"


def number(value: float) -> str:
    """Return a number as NM has it: plain decimals, nothing behind that nobody measured."""
    return f"{rounded(value):.4f}".rstrip("0").rstrip(".")


def authority(system: str, names: Mapping[str, str]) -> tuple[str, str, str]:
    """Return namespace, universal id and its type of who gives out identifiers of a system.

    ``names`` are the namespaces that the two sides agreed on, by system.
    """
    for prefix, kind in _UNIVERSAL:
        if system.startswith(prefix):
            return names.get(system, ""), system.removeprefix(prefix), kind
    return names.get(system, ""), system, "URI"


def entity(identifier: Identifier, names: Mapping[str, str]) -> str:
    """Return an identifier as EI."""
    return parts(identifier.value, *authority(identifier.system, names))


def extended(identifier: Identifier, names: Mapping[str, str], kind: str) -> str:
    """Return an identifier as CX of a kind (table 0203)."""
    sub = "&".join(escaped(part) for part in authority(identifier.system, names))
    return f"{escaped(identifier.value)}^^^{sub}^{escaped(kind)}"


def person(identifier: Identifier, names: Mapping[str, str]) -> str:
    """Return somebody of whom the identifier alone is known, as XCN."""
    sub = "&".join(escaped(part) for part in authority(identifier.system, names))
    return f"{escaped(identifier.value)}^^^^^^^^{sub}"
