"""Engines: what runs a net, one module each, behind the protocol `models.nets.Net`."""
