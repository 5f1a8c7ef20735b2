"""One script for each tool, as a user of its README writes it. Each runs in an environment of the tool's own."""
