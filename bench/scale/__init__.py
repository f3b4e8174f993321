"""The service at size: what it does with a million scans, with slow storage, with more machines."""
