package proxy

import (
	mathrand "math/rand/v2"
	"net/http"
	"strings"
)

// maxRequestID is the length of the longest id that is accepted, in bytes.
const maxRequestID = 128

// setRequestID gives a response the id of its request: the X-Request-Id of the
// client or of the CDN before it, else the trace id of a W3C traceparent, else a
// new one. It comes before everything else, so that every response has an id. The header is
// not part of cache entries.
func setRequestID(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-Request-Id"] = requestID(r.Header)
}

// requestIDOf is the id of a response.
func requestIDOf(w http.ResponseWriter) string {
	if ids := w.Header()["X-Request-Id"]; len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// requestID is the value of the response header. Where the request has the header twice
// neither is used, as nothing says which one is right. The slice of the request is reused,
// because this is on the path of hits; it is never written to.
func requestID(h http.Header) []string {
	if ids := h["X-Request-Id"]; len(ids) == 1 && isRequestID(ids[0]) {
		return ids[:1:1]
	}
	if parents := h["Traceparent"]; len(parents) == 1 {
		if id, ok := traceID(parents[0]); ok {
			return []string{id}
		}
	}
	return []string{newRequestID()}
}

// isRequestID reports whether an id is accepted. It goes into headers, log lines and error
// texts, so it has no blanks, control characters or characters of quoting, escapes, lists
// and templates. All characters of UUIDs, base64 and trace ids are allowed.
func isRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		if !requestIDBytes[s[i]] {
			return false
		}
	}
	return true
}

var requestIDBytes = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~:/+=@|") {
		table[c] = true
	}
	return table
}()

// newRequestID returns 60 random bits as letters and digits. They need not be secret.
func newRequestID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var id [12]byte
	bits := mathrand.Uint64()
	for i := range id {
		id[i] = alphabet[bits%32]
		bits /= 32
	}
	return string(id[:])
}

// The form of version 00 of a traceparent: "00-TRACEID-PARENTID-FLAGS", all of
// it in lower-case hexadecimal.
const (
	traceIDAt, traceIDEnd   = 3, 35
	parentIDAt, parentIDEnd = 36, 52
	flagsAt, traceparentLen = 53, 55
)

// traceID is the trace id of a traceparent (W3C Trace Context, "traceparent
// Header Field Values"). Later versions than 00 may only append fields, so the
// same part of them is read ("Versioning of traceparent"). Version ff and ids of
// zeros are invalid.
func traceID(s string) (id string, ok bool) {
	if len(s) < traceparentLen || s[2] != '-' || s[traceIDEnd] != '-' || s[parentIDEnd] != '-' {
		return "", false
	}
	version, flags := s[:2], s[flagsAt:traceparentLen]
	parent, id := s[parentIDAt:parentIDEnd], s[traceIDAt:traceIDEnd]
	for _, field := range []string{version, id, parent, flags} {
		if !isLowerHex(field) {
			return "", false
		}
	}
	if version == "ff" || isZero(id) || isZero(parent) {
		return "", false
	}
	if rest := s[traceparentLen:]; rest != "" && (version == "00" || rest[0] != '-') {
		return "", false
	}
	return id, true
}

func isLowerHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

func isZero(s string) bool { return strings.Trim(s, "0") == "" }
