"""The way to a server and its storage: calls, repeats, uploads, downloads."""
