//go:build race

package diskstore

// raceDetector: what is counted in time and memory is not what it is without.
const raceDetector = true
