"""Codes for what dynod says: its own first, and beside them those of others that fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dynod.model.clinical import Kind, Movement, Side


@dataclass(frozen=True, slots=True)
class Coding:
    """A code of somebody else's system; ``source`` says where its meaning was read."""

    system: str
    code: str
    display: str
    source: str


@dataclass(frozen=True, slots=True)
class Concept:
    """Something dynod says, and the codes of others for it."""

    display: str
    codings: tuple[Coding, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeMap:
    """All concepts by group and name, such as ``test`` and ``hip_abduction_force``.

    ``system`` and ``version`` are those of the local code system, ``hl7v2_name`` is its name in
    HL7 v2 (99 and letters, table 0396). ``body_sites`` is by ``left``, ``right`` and ``both``.
    """

    system: str
    version: str
    hl7v2_name: str
    concepts: Mapping[str, Mapping[str, Concept]]
    body_sites: Mapping[str, Concept]

    def concept(self, group: str, name: str) -> Concept:
        """Return a concept; one without an entry is called by its name."""
        found = self.concepts.get(group, {}).get(name)
        return found or Concept(name.replace("_", " "))

    def local_code(self, group: str, name: str) -> str:
        """Return the code of a concept in the local system."""
        return f"{group}-{name}"

    def codeable(self, group: str, name: str, text: str | None = None) -> dict[str, Any]:
        """Return a concept as FHIR's CodeableConcept, the local code first."""
        concept = self.concept(group, name)
        local = {
            "system": self.system,
            "code": self.local_code(group, name),
            "display": concept.display,
        }
        others = [_coding(coding) for coding in concept.codings]
        return {"coding": [local, *others], "text": text or concept.display}

    def body_site(self, side: Side | None) -> dict[str, Any]:
        """Return a hip as CodeableConcept; None means both."""
        site = self.body_sites["both" if side is None else side.value]
        codings = [_coding(coding) for coding in site.codings]
        return {**({"coding": codings} if codings else {}), "text": site.display}


def test_name(movement: Movement, kind: Kind) -> str:
    """Return the name of a test in the groups ``test`` and ``deficit``."""
    return f"{movement.value}_{kind.value}"


def _coding(coding: Coding) -> dict[str, str]:
    return {"system": coding.system, "code": coding.code, "display": coding.display}
