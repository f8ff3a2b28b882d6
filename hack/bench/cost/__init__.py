"""What a sidecar costs: latency, CPU, memory, and the time until a pod is ready."""
