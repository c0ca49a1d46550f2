"""The steps from one schema to the next; imported only when a database is behind."""
