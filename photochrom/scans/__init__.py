"""Scans: what a person hands over, as folders or as a table."""
