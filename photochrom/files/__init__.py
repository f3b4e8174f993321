"""What can be asked of one file, and how one is written."""
