"""A run from scans to results, of any size, that may be interrupted anywhere."""
