package memory

import "time"

const (
	// slowRate is the rate below which a reader is slow, in bytes a second.
	slowRate = 64 << 10
	// minReadTime is how long each reader has before its rate counts. A reader that has
	// been at it for maxReadTime may be cut off for others at any rate.
	minReadTime, maxReadTime = time.Second, 10 * time.Second
)
