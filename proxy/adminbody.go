package proxy

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// adminBody is what the body of a request to the admin port must be.
type adminBody struct {
	// most is its length in bytes, and tooLarge the text for a longer one.
	most     int64
	tooLarge string
	// example is such a body, for the text of errors.
	example string
}

// decode reads the body of a request: one JSON object without unknown fields.
func (b adminBody) decode(w http.ResponseWriter, r *http.Request, into any) error {
	// A page in an operator's browser can send text without asking, JSON not.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "bad-argument",
			"Send JSON, with Content-Type: application/json.")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, b.most))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return refuse(http.StatusRequestEntityTooLarge, "too-large", b.tooLarge)
		}
		return badBody("The body must be JSON such as " + b.example + ": " + err.Error() + ".")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badBody("The body must be one JSON object, with nothing after it.")
	}
	return nil
}

// errBadBody is what logs say of a body: the sentence of the response quotes it, with what it is signed with.
var errBadBody = errors.New("the body of the request is wrong: its response says why")

func badBody(text string) error {
	return &adminError{failure{status: http.StatusBadRequest, code: "bad-argument", text: text}, errBadBody}
}
