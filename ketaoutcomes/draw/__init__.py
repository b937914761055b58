"""Pictures: a tidy table in, matplotlib axes out."""
