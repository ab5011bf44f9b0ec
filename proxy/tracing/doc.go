// Package tracing makes traces of requests and sends them by OTLP, the OpenTelemetry Protocol, over HTTP. No request
// waits for a collector: spans that it does not take in time are lost, and the memory of those that wait has a bound.
// Other settings than those of Config are the standard environment variables of OpenTelemetry's SDK.
package tracing
