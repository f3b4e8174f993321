"""What a person or a script sees while a run goes on."""
