"""What an operator looks at: /healthz, /readyz, /metrics, and the ids of requests."""
