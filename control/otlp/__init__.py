"""What control receives over OTLP, the OpenTelemetry protocol: samples as logs, counters as metrics."""

from control.otlp.receiver import OtlpReceiver

__all__ = ["OtlpReceiver"]
