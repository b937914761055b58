"""Reports: results arranged, passed through one gate, and written."""
