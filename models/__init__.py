"""Nets and color mathematics: arrays in, arrays out."""
