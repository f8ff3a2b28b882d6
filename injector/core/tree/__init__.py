"""The shape of Kubernetes objects: merging, comparing and diffing trees by merge keys."""
