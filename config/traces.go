package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Traces is how traces of requests are sent, by the environment variables that the OpenTelemetry specification has for
// all programs. Those that are not here are read by its SDK.
type Traces struct {
	// Endpoint is the URL that spans are sent to; "" for no traces.
	Endpoint string
	// Queue is how many spans may wait to be sent, Batch how many are sent at once.
	Queue, Batch int
	// Sampler says which requests have traces; "" for the default of the SDK: all of which the parent has one.
	Sampler string
}

// The defaults of the specification.
const (
	otlpEndpoint   = "http://localhost:4318"
	otlpTracesPath = "/v1/traces"
	maxQueuedSpans = 1 << 20
)

// traceVariables reads the environment of traces, with the problems that it has.
type traceVariables struct {
	getenv   func(string) string
	problems []string
}

// ReadTraces reads the environment. Its error is an ErrSetting, and names each variable that cannot be used.
func ReadTraces(getenv func(string) string) (t Traces, err error) {
	v := &traceVariables{getenv: getenv}
	endpoint, on := v.endpoint()
	if !on {
		return t, v.err()
	}
	t.Endpoint = endpoint
	v.oneOf("PROTOCOL", "http/protobuf", "http/json")
	v.oneOf("COMPRESSION", "none", "gzip")
	v.headers("OTEL_EXPORTER_OTLP_HEADERS")
	v.headers("OTEL_EXPORTER_OTLP_TRACES_HEADERS")
	t.Sampler = v.sampler()
	t.Queue = v.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, maxQueuedSpans)
	t.Batch = min(v.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, maxQueuedSpans), max(t.Queue, 1))
	for _, name := range []string{"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"} {
		v.number(name, 0, 0, 1<<31) // in milliseconds
	}
	return t, v.err()
}

func (v *traceVariables) err() error {
	if v.problems == nil {
		return nil
	}
	return Invalid(fmt.Errorf("%s", strings.Join(v.problems, "; ")))
}

func (v *traceVariables) get(name string) string { return strings.TrimSpace(v.getenv(name)) }

func (v *traceVariables) refuse(name, instead string) {
	v.problems = append(v.problems, fmt.Sprintf("%s is %q: %s", name, v.get(name), instead))
}

// forTraces is the variable of the exporter that counts for traces, and its value.
func (v *traceVariables) forTraces(name string) (variable, value string) {
	variable = "OTEL_EXPORTER_OTLP_TRACES_" + name
	if v.get(variable) == "" {
		variable = "OTEL_EXPORTER_OTLP_" + name
	}
	return variable, v.get(variable)
}

// endpoint is where spans go, if they are to go anywhere.
func (v *traceVariables) endpoint() (endpoint string, on bool) {
	name, value := v.forTraces("ENDPOINT")
	exporter := v.get("OTEL_TRACES_EXPORTER")
	switch {
	case strings.EqualFold(v.get("OTEL_SDK_DISABLED"), "true"), exporter == "none", exporter == "" && value == "":
		return "", false
	case exporter != "" && exporter != "otlp":
		v.refuse("OTEL_TRACES_EXPORTER", "set it to otlp or none")
		return "", false
	case value == "":
		value = otlpEndpoint
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		v.problems = append(v.problems, name+" is no URL: set it to one such as "+otlpEndpoint+
			", and credentials in OTEL_EXPORTER_OTLP_HEADERS")
		return "", false
	}
	if !strings.HasSuffix(name, "_TRACES_ENDPOINT") {
		u = u.JoinPath(otlpTracesPath) // a variable of traces alone has the whole URL
	}
	return u.String(), true
}

func (v *traceVariables) oneOf(name string, allowed ...string) {
	variable, value := v.forTraces(name)
	if value == "" || slices.Contains(allowed, value) {
		return
	}
	instead := "set it to " + strings.Join(allowed, " or ")
	if value == "grpc" {
		instead = "spans are sent over HTTP alone: set it to http/protobuf, and the endpoint to the collector's " +
			"port for HTTP, such as " + otlpEndpoint
	}
	v.refuse(variable, instead)
}

// headers checks name=value,…. A header is no part of the error: it may be a secret.
func (v *traceVariables) headers(name string) {
	value := v.get(name)
	if value == "" {
		return
	}
	for pair := range strings.SplitSeq(value, ",") {
		if key, _, ok := strings.Cut(pair, "="); !ok || strings.TrimSpace(key) == "" {
			v.problems = append(v.problems, name+" must look like NAME=VALUE,NAME=VALUE")
			return
		}
	}
}

// number is a whole number of a variable, between least and most.
func (v *traceVariables) number(name string, unset, least, most int) int {
	value := v.get(name)
	if value == "" {
		return unset
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		v.refuse(name, fmt.Sprintf("set it to a whole number of %d to %d", least, most))
	}
	return n
}

// sampler checks what the SDK would only complain of.
func (v *traceVariables) sampler() string {
	name := v.get("OTEL_TRACES_SAMPLER")
	known := []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
		"parentbased_traceidratio"}
	if name != "" && !slices.Contains(known, strings.ToLower(name)) {
		v.refuse("OTEL_TRACES_SAMPLER", "set it to "+strings.Join(known, ", "))
	}
	if arg := v.get("OTEL_TRACES_SAMPLER_ARG"); arg != "" && strings.HasSuffix(strings.ToLower(name), "traceidratio") {
		if share, err := strconv.ParseFloat(arg, 64); err != nil || !(0 <= share && share <= 1) {
			v.refuse("OTEL_TRACES_SAMPLER_ARG", "set it to a number of 0 to 1")
		}
		name += " " + arg
	}
	return name
}
