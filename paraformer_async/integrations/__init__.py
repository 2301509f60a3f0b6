"""
This library in the frameworks of others, each with an extra of its own.

    paraformer_async.integrations.otel   traces and metrics by OpenTelemetry (extra `otel`)
    paraformer_async.integrations.ray    datasets of audio on a Ray cluster (extra `ray`)

Imports nothing by itself.
"""
