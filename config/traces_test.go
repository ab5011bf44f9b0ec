package config

import (
	"errors"
	"strings"
	"testing"
)

// environ is an environment of NAME=VALUE.
func environ(pairs ...string) func(string) string {
	values := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func TestTraces(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/"
	const std = "http://c:4318/v1/traces"
	for _, tc := range []struct {
		environ []string
		want    Traces
	}{
		{nil, Traces{}},
		{[]string{"OTEL_SERVICE_NAME=images", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, Traces{}},
		{[]string{endpoint}, Traces{std, 2048, 512, ""}},
		{[]string{endpoint, "OTEL_SDK_DISABLED=TRUE"}, Traces{}},
		{[]string{endpoint, "OTEL_TRACES_EXPORTER=none"}, Traces{}},
		{[]string{"OTEL_TRACES_EXPORTER=otlp"}, Traces{"http://localhost:4318/v1/traces", 2048, 512, ""}},
		{[]string{endpoint, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://t/own"}, Traces{"https://t/own", 2048, 512, ""}},
		{[]string{endpoint, "OTEL_BSP_MAX_QUEUE_SIZE=100"}, Traces{std, 100, 100, ""}},
		{[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json"},
			Traces{std, 2048, 512, ""}},
		{[]string{endpoint, "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.25",
			"OTEL_EXPORTER_OTLP_HEADERS=authorization=Basic%20eA==, x-team=images"},
			Traces{std, 2048, 512, "traceidratio 0.25"}},
	} {
		if got, err := ReadTraces(environ(tc.environ...)); err != nil || got != tc.want {
			t.Errorf("%q: %+v, %v", tc.environ, got, err)
		}
	}
}

// What the SDK would leave out, with a line of its own or with none, is an error that says what to do.
func TestTracesThatCannotBe(t *testing.T) {
	for pair, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                 "set it to http/protobuf, and the endpoint to the collector's port",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=kafka":         "http/protobuf or http/json",
		"OTEL_TRACES_EXPORTER=zipkin":                      "otlp or none",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=c:4318":        "is no URL",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://u:p@c/": "is no URL",
		"OTEL_EXPORTER_OTLP_HEADERS=secret":                "NAME=VALUE",
		"OTEL_EXPORTER_OTLP_COMPRESSION=zstd":              "none or gzip",
		"OTEL_TRACES_SAMPLER=xray":                         "parentbased_always_on",
		"OTEL_BSP_MAX_QUEUE_SIZE=0":                        "of 1 to",
		"OTEL_BSP_SCHEDULE_DELAY=5s":                       "of 0 to",
	} {
		_, err := ReadTraces(environ("OTEL_EXPORTER_OTLP_ENDPOINT=http://c", pair))
		name, value, _ := strings.Cut(pair, "=")
		if !errors.Is(err, ErrSetting) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", pair, err)
		} else if value == "secret" && strings.Contains(err.Error(), value) {
			t.Errorf("the error has the secret: %v", err)
		}
	}
	_, err := ReadTraces(environ("OTEL_TRACES_EXPORTER=otlp", "OTEL_TRACES_SAMPLER=traceidratio",
		"OTEL_TRACES_SAMPLER_ARG=NaN"))
	if err == nil {
		t.Error("a share that is no number")
	}
}
