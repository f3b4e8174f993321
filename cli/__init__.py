"""Operator commands behind `photochrom`."""
