"""Where output goes: stdout, files and folders, as a whole or not at all. Not here: what it is."""
