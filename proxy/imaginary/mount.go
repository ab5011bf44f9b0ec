package imaginary

import (
	"net/http"

	"github.com/pictor-proxy/pictor/transform"
)

// AutoFormats are negotiated for type=auto. The peer gives PNG and JPEG, too, to whoever names them first; a client
// that accepts no WebP has the format of the source here.
func AutoFormats() []transform.Format { return []transform.Format{transform.WebP} }

// Statuses are of errors that have another status than in the native dialect, by their codes.
func Statuses() map[string]int {
	return map[string]int{"bad-argument": http.StatusBadRequest, "malformed-path": http.StatusBadRequest}
}
