"""What a person types: the commands of the client."""
