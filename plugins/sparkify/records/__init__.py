"""From the bytes of a file to typed rows, and to rejects that say why."""
