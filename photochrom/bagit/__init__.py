"""Bags (RFC 8493), read and made."""
