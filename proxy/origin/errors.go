package origin

import (
	"context"
	"errors"
	"strings"
)

// The ways in which a fetch fails. Each error is exactly one of them, or the
// caller's own: the cause of its context, what reserve or the writer returned.
// Their texts are for people and hold nothing but what the URL and the
// settings say.
var (
	// ErrBadSource: the source is not a URL that could be fetched.
	ErrBadSource = errors.New("bad source URL")
	// ErrSourceNotAllowed: a kind of source that is not served here.
	ErrSourceNotAllowed = errors.New("source not allowed")
	// ErrRefused: the address guard refused to connect. From outside it must
	// look like ErrUnreachable.
	ErrRefused = errors.New("address refused")
	// ErrUnreachable: no name, no connection, no TLS, or all of them but no
	// answer that is HTTP.
	ErrUnreachable = errors.New("source unreachable")
	// ErrNotFound: 404, 410, 451, or no such file.
	ErrNotFound = errors.New("source not found")
	// ErrDenied: another 4xx, by which an origin says that it does not give the
	// source, and not that it is not well.
	ErrDenied = errors.New("source denied")
	// ErrStatus: any other status that is no success. So are the 4xx that say "not
	// now": 408, 425 and 429.
	ErrStatus = errors.New("source answered with an error")
	// ErrLoop: the source leads back to the server that fetches it, or to another
	// one that it was asked by.
	ErrLoop = errors.New("loop detected")
	// ErrPartial: a success that has not the whole source, such as 204 and 206.
	ErrPartial = errors.New("source not sent")
	// ErrRedirects: too many, or to where none may lead.
	ErrRedirects = errors.New("bad redirect")
	// ErrCoding: a content coding that cannot be undone here.
	ErrCoding = errors.New("content coding not supported")
	// ErrEncoding: a body that is not what its Content-Encoding says.
	ErrEncoding = errors.New("content coding broken")
	// ErrTimeout: too slow, as a whole or while it was read.
	ErrTimeout = errors.New("source too slow")
	// ErrTooLarge: more bytes than are allowed.
	ErrTooLarge = errors.New("source too large")
	// ErrTruncated: the body broke off before its end.
	ErrTruncated = errors.New("source cut off")
)

// errIrregular: a name leads to something else than a file with bytes in it.
var errIrregular = errors.New("not a regular file")

// failure is a sentinel with the cause behind it, which only the log may see:
// it names addresses and quotes what the origin sent.
type failure struct {
	kind  error
	cause string
}

func (e *failure) Error() string   { return e.kind.Error() }
func (e *failure) Unwrap() error   { return e.kind }
func (e *failure) Details() string { return e.cause }

// newFailure hides a cause behind a kind. It cuts a long cause off, as the origin
// chooses its length.
func newFailure(kind error, cause string) error {
	const most = 500
	if len(cause) > most {
		cause = strings.ToValidUTF8(cause[:most], "") + "…"
	}
	return &failure{kind, cause}
}

// transportFailure classifies an error of the HTTP client. Where ctx has ended its
// cause comes first, because the end of ctx breaks connections.
func transportFailure(ctx context.Context, kind, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, ErrRefused) {
		kind = ErrRefused
	}
	return newFailure(kind, err.Error())
}
