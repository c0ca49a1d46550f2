"""Reads what people write: dynod.toml, profiles, batteries, certificates, error tables."""
