"""The HTTP half: takes submissions, reports on them, hands out results."""
