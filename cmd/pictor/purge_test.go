package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// A server whose purge log does not respond says so before the command gives up.
func TestPurgeWaitsLongerThanTheServer(t *testing.T) {
	field, ok := reflect.TypeFor[purgeCmd]().FieldByName("Timeout")
	if !ok {
		t.Fatal("the command has no timeout")
	}
	wait, err := time.ParseDuration(field.Tag.Get("default"))
	if err != nil || wait < purge.Timeout+time.Second {
		t.Errorf("the command waits %v, the server %v: %v", wait, purge.Timeout, err)
	}
}
