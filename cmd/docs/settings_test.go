package main

import (
	"bytes"
	"os"
	"testing"
)

// The page says what the settings do now: run `make docs` where it does not.
func TestTheSettingsPageIsFresh(t *testing.T) {
	want, err := settingsPage()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/settings.md")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/settings.md is stale, run make docs: %v", err)
	}
}
