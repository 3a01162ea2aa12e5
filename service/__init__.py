"""The gRPC gateway: API, jobs and their store, dispatch, generation, metrics. No torch."""
