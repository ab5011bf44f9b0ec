package proxy

import "net/http"

// adminHandler answers a request, or returns an adminError.
type adminHandler func(http.ResponseWriter, *http.Request) error

// adminError is an error of the admin port: the response, and for the log the cause, if there
// is one.
type adminError struct {
	failure
	cause error
}

func (e *adminError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return e.text
}

// Unwrap returns the cause.
func (e *adminError) Unwrap() error { return e.cause }

// refuse returns an adminError without a cause.
func refuse(status int, code, text string) error {
	return &adminError{failure: failure{status: status, code: code, text: text}}
}
