"""Metadata blocks of picture files: EXIF, IPTC and XMP."""
