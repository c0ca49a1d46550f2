"""A FHIR server in memory: transaction Bundles with conditional updates (FHIR R4, 3.1.0.4.3).

Takes what dynod sends and nothing else: PUT by one identifier, PUT by id, references within the
Bundle, one conditional reference to a patient.
"""

import copy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Resource = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an answer of the server
    """The whole Bundle is refused, and nothing of it was done."""


@dataclass
class FhirServer:
    """``resources`` by type and id; ``versions`` counts the writes of each."""

    resources: dict[str, Resource] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def post(self, bundle: Resource) -> None:
        """Take a transaction whole, or raise Refused and leave everything as it was."""
        if bundle["type"] != "transaction":
            raise Refused("no transaction")
        place_of = {entry["fullUrl"]: self._target(entry) for entry in bundle["entry"]}
        if len(set(place_of.values())) != len(place_of):
            raise Refused("two entries change one resource")
        written = {
            place_of[entry["fullUrl"]]: self._resolved(entry["resource"], place_of)
            for entry in bundle["entry"]
        }
        for place, resource in written.items():
            if self.resources.get(place) != resource:
                self.versions[place] = self.versions.get(place, 0) + 1
            self.resources[place] = resource

    def search(self, kind: str, system: str, value: str) -> list[str]:
        """Return the places of the resources with an identifier."""
        return [
            place
            for place, resource in self.resources.items()
            if place.startswith(f"{kind}/")
            and {"system": system, "value": value} in resource.get("identifier", [])
        ]

    def of(self, kind: str) -> list[Resource]:
        return [found for place, found in self.resources.items() if place.startswith(f"{kind}/")]

    def _target(self, entry: Resource) -> str:
        url, kind = entry["request"]["url"], entry["resource"]["resourceType"]
        if entry["request"]["method"] != "PUT" or not url.startswith(kind):
            raise Refused(f"cannot do {url}")
        if "?" not in url:
            if url != f"{kind}/{entry['resource'].get('id')}":
                raise Refused("the id of a resource is not that of its URL")
            return str(url)
        found = self._matches(url)
        if len(found) > 1:
            raise Refused("412: more than one match")
        fresh = f"{kind}/{len(self.resources)}-{entry['fullUrl'].rpartition(':')[2]}"
        return found[0] if found else fresh

    def _matches(self, url: str) -> list[str]:
        kind, _, query = url.partition("?")
        name, _, wanted = query.partition("=")
        if name != "identifier":
            raise Refused("not searched by identifier")
        system, _, value = unquote(wanted).partition("|")
        return self.search(kind, system, value)

    def _resolved(self, node: Any, place_of: dict[str, str]) -> Any:
        """Return a copy with its references as the server's own."""
        if isinstance(node, list):
            return [self._resolved(item, place_of) for item in node]
        if not isinstance(node, dict):
            return copy.copy(node)
        made = {key: self._resolved(value, place_of) for key, value in node.items()}
        reference = made.get("reference")
        if isinstance(reference, str):
            made["reference"] = self._reference(reference, place_of)
        return made

    def _reference(self, reference: str, place_of: dict[str, str]) -> str:
        if "?" in reference:
            found = self._matches(reference)
            if len(found) != 1:
                raise Refused("412: not exactly one match for a reference")
            return found[0]
        if reference not in place_of:
            raise Refused("a reference leads out of the Bundle")
        return place_of[reference]
