"""Personal codes enter here and go no further: what leaves are pseudonyms that nobody can compute alone."""
