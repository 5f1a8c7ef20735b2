"""What batchspec is measured beside: the scripts that a user would write, and the limit."""
