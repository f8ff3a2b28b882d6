"""The cluster, through the official client: the only package that imports `kubernetes`."""
