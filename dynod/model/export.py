"""What results can be exported as (docs/export.md)."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSON = "json"
    FHIR = "fhir"
    HL7V2 = "hl7v2"
    PARQUET = "parquet"
