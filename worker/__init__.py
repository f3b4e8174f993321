"""The working half: claims items, makes derivatives from masters, ends jobs."""
