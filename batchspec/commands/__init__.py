"""One module per verb. Each takes its collaborators as arguments and returns a value; none prints or exits."""
