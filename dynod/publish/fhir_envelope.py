"""What is known of a Bundle without its content: its type, its schema, what travels beside it.

Apart from the rendering, which is imported when the first Bundle is made.
"""

from uuid import UUID

SCHEMA = "dynod.fhir/1"
CONTENT_TYPE = "application/fhir+json"


def fhir_properties(result_id: UUID, revision: int, stream: str, sequence: int) -> dict[str, str]:
    """Return the envelope of a Bundle, which travels as MQTT user properties."""
    return {
        "schema": SCHEMA,
        "result_id": str(result_id),
        "revision": str(revision),
        "sequence": str(sequence),
        "stream": stream,
    }
