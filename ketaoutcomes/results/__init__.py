"""What analyses give back: frozen, with table, notes and picture."""
