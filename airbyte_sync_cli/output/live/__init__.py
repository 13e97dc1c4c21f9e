"""The live view: a table that is redrawn while syncs run."""
