"""The database: records, raw samples and outgoing messages, committed together or not at all."""
