"""Talka: the place where a smart-specialisation ecosystem does its work."""
