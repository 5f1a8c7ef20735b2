"""Comparisons and measurements. Nothing here is part of the installed package or of the test suite."""
