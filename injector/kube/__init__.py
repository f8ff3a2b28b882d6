"""The cluster, asked through the official client: the only room that imports `kubernetes`."""
