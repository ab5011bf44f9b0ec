package proxy

import "time"

// Fallback are the images that are served in place of an error.
type Fallback struct {
	// Missing, Failed and Undecodable are the sources of the images; "" for the error. They are for sources
	// that do not exist, for origins that fail or refuse, and for sources that are no image or one that
	// cannot be used.
	Missing, Failed, Undecodable string
	// Status is that of the response; 0 for that of the error.
	Status int
	// TTL is for how long clients may keep the image; 0 for not at all.
	TTL time.Duration
}

// fallbackClass says which of the images an error has.
type fallbackClass uint8

const (
	fallbackMissing fallbackClass = iota + 1
	fallbackFailed
	fallbackUndecodable
)

// fallbackClasses are by the code of an error. Errors of the URL, of permissions and of a server without
// room are not among them: an image would hide a mistake that somebody can mend, or cost what there is not.
var fallbackClasses = map[string]fallbackClass{
	"source-not-found": fallbackMissing,
	"source-timeout":   fallbackFailed, "source-unreachable": fallbackFailed,
	"source-too-large": fallbackUndecodable, "unsupported-type": fallbackUndecodable,
	"truncated": fallbackUndecodable, "broken-picture": fallbackUndecodable, "over-limit": fallbackUndecodable,
	"overran": fallbackUndecodable, "overtime": fallbackUndecodable, "transform-timeout": fallbackUndecodable,
	"crashed": fallbackUndecodable, "poison": fallbackUndecodable, "too-large": fallbackUndecodable,
}

// sourceFor is the source of the image for an error, "" for none.
func (f Fallback) sourceFor(code string) string {
	switch fallbackClasses[code] {
	case fallbackMissing:
		return f.Missing
	case fallbackFailed:
		return f.Failed
	case fallbackUndecodable:
		return f.Undecodable
	}
	return ""
}

// statusOf is the status of a response in place of an error with this one.
func (f Fallback) statusOf(errorStatus int) int {
	if f.Status != 0 {
		return f.Status
	}
	return errorStatus
}
