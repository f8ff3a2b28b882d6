"""Where documents come from: files, folders, stdin and URLs. Not here: what is in them."""
