package memory

import (
	"net/http"
	"strings"
)

// writeHit sends a hit on a connection whose bytes net/http or TLS makes: so nobody knows what the kernel takes of it.
func (s HitSender) writeHit(hit Hit) (sent int64, err error) {
	read := hit.Entry
	if hit.Status != http.StatusOK {
		read = nil
	}
	t := s.responses.admitBlocked(read, 0, nil)
	defer s.responses.Release(t)
	p, err := t.Writer(s.to, s.request)
	if err != nil {
		return 0, err
	}
	h := s.to.Header()
	setFields(h, hit.Fields)
	h["X-Request-Id"] = []string{hit.RequestID}
	if err = p.extendDeadline(); err == nil {
		if read != nil {
			h["Content-Length"] = hit.Length
		}
		s.to.WriteHeader(hit.Status)
	}
	if err == nil && read != nil {
		_, err = p.Write(read.Body)
	}
	t.cutAfterTimeout(err)
	return t.Sent(), err
}

// setFields sets the fields of a header by its lines.
func setFields(h http.Header, lines string) {
	values := make([]string, strings.Count(lines, "\n"))
	for i := range values {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, _ := strings.Cut(line, ": ")
		if before := h[name]; before != nil {
			h[name] = append(before, value)
			continue
		}
		values[i] = value
		h[name] = values[i : i+1 : i+1]
	}
}
