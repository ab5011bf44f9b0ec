package proxy

import (
	"time"

	"github.com/pictor-proxy/pictor/cache/leases"
)

// FillLeases have one server of a cluster make a result that is dear, and the others take it.
type FillLeases struct {
	*leases.Leases
	// From is the expected CPU time of a transform from which on a fill is worth a lease; 0 for all fills, with
	// their fetches.
	From time.Duration
	// Wait is the longest that a fill waits for another server's. It never takes more than half of the time that
	// the fill has left.
	Wait time.Duration
	// HandOver is the largest result that is handed over, in bytes.
	HandOver int64
}
