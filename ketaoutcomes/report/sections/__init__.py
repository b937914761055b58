"""The sections of a report, one file each: a scope in, a section with its released tables out."""
