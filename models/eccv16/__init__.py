"""The net of Zhang, Isola & Efros (ECCV 2016), described by us: its layers, its weights file, and what engines read."""
