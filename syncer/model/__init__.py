"""Values that the stages hand to each other: frozen, built of tuples, standard library only, no I/O."""
