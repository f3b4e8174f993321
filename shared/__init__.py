"""Words that both halves of Photochrom, the API and the workers, use today."""
