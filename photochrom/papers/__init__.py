"""Papers: what an archive keeps beside the results."""
