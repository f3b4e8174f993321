"""Plans: what a submission would be, and how long it would take."""
