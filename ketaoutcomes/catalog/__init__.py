"""What the field knows, as data with sources: instruments, definitions, published results."""
