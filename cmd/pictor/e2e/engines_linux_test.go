package e2e

import (
	"testing"

	"github.com/pictor-proxy/pictor/cache/enginetest"
)

// engine is a real Redis or NATS server, and its URL.
type engine struct {
	*enginetest.Engine
	url string
}

func startRedis(t testing.TB) *engine {
	t.Helper()
	e := enginetest.Redis(t)
	return &engine{e, "redis://" + e.Address()}
}

func startNATS(t testing.TB) *engine {
	t.Helper()
	e := enginetest.NATS(t)
	return &engine{e, "nats://" + e.Address()}
}
