package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// statusOf has the codes by which a source is refused, as docs/errors.md has them.
var statusOf = map[string]int{"bad-source": 404, "malformed-path": 404, "source-not-found": 404,
	"source-not-allowed": 403, "source-unreachable": 502}

// raw sends bytes as they are on a connection of their own and reads one response.
func (s *server) raw(t testing.TB, request string) answer {
	t.Helper()
	a, err := exchange(strings.TrimPrefix(s.url, "http://"), request)
	if err != nil {
		t.Fatalf("%.200q: %v", request, err)
	}
	return a
}

func exchange(address, request string) (answer, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	// A server may answer and hang up before it has read all of it.
	go io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}
