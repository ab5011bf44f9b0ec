//go:build !race

package diskstore

// raceDetector is described in race_test.go.
const raceDetector = false
