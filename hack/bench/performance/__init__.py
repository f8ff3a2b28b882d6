"""One admission and one kube-inject, beside what they replace: CPU, latency, memory."""
