package proxy

import (
	"net/http"
	"time"
)

// unreadBodyTime is how long the server waits for the rest of a body that it does not want. A client that is still
// sending gets the response only where what it sends is read.
const unreadBodyTime = time.Second

// boundUnreadBody has the connection closed with the response, and soon: net/http reads an announced body before it
// responds on a connection that it keeps, and after that on others, and a client may announce a body and never send
// it. A handler that has read the whole body takes the header away.
func boundUnreadBody(w http.ResponseWriter) (done func()) {
	w.Header().Set("Connection", "close")
	return func() {
		if w.Header().Get("Connection") != "" {
			// The error says that there is no connection below, as in tests.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadBodyTime))
		}
	}
}
