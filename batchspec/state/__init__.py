"""The local state: one SQLite file, its lock, and the scratch space of a plan. Nothing else touches that file."""
