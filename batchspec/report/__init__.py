"""The only text for people, and the JSON for programs: results in, strings out."""
