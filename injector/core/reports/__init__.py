"""Reports about pods: where values come from, which pods are out of date, what to restart."""
