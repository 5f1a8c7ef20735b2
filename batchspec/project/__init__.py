"""The project on disk: its root, its files, its settings. Nothing in here knows what a spec means."""
