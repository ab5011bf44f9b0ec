package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pictor-proxy/pictor/proxy/budget"
	"github.com/pictor-proxy/pictor/proxy/hidden"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// SourcesRequest is the body of POST /sources.
type SourcesRequest struct {
	// Sources are URLs of sources, as in image URLs. A hash is of the very text.
	Sources []string `json:"sources"`
}

// SourcesAnswer is what POST /sources answers: the sources are on disk.
type SourcesAnswer struct {
	// Hashes are those of the sources, in the same order.
	Hashes []string `json:"hashes"`
	// Added is how many of the sources were not registered before.
	Added int `json:"added"`
}

// SourcesStats is what GET /sources answers.
type SourcesStats struct {
	Registered int   `json:"registered"`
	Max        int   `json:"max"`
	LogBytes   int64 `json:"log_bytes"`
}

// HiddenSource is what GET /sources?hash=HASH answers.
type HiddenSource struct {
	Hash   string `json:"hash"`
	Source string `json:"source"`
}

const (
	maxSourcesBody = 256 << 10
	// MaxRegistered is how many sources a request to POST /sources may have.
	MaxRegistered = 1000
	// sourcesMemory bounds the memory of all registrations under way, in bytes: each takes about
	// sourcesFactor times its body.
	sourcesMemory = 4 << 20
	sourcesFactor = 4
)

// sourcesBody is the body of POST /sources.
var sourcesBody = adminBody{most: maxSourcesBody,
	tooLarge: "A list of sources has at most 256 KiB. Send several lists.",
	example:  `{"sources": ["https://example.com/a.jpg"]}`}

// registry answers /sources.
type registry struct {
	server *Server
	memory *budget.Budget
}

func newRegistry(s *Server) *registry {
	memory, err := budget.New(budget.Config{Capacity: sourcesMemory, MaxWait: hidden.Timeout})
	if err != nil {
		panic(err) // the capacity is above 0
	}
	return &registry{s, memory}
}

// serveSources answers GET and POST /sources.
func (g *registry) serveSources(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	h := g.server.cfg.Hidden
	switch {
	case h.Failure != nil:
		return unavailableSources("The log of hidden sources cannot be used: see the server's log.", h.Failure)
	case h.Store == nil:
		return unavailableSources("This server has no hidden sources. Set --max-hidden-sources.", nil)
	}
	var answer any
	var err error
	switch {
	case r.Method == http.MethodPost:
		answer, err = g.registerSources(w, r)
	case r.URL.Query().Has("hash"):
		answer, err = findSource(h, r.URL.Query().Get("hash"))
	default:
		st := h.Store.Stats()
		answer = SourcesStats{Registered: st.Sources, Max: st.Max, LogBytes: st.LogBytes}
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(answer) // fails where the client has left
	return nil
}

// registerSources adds the sources of a request, all of them or none.
func (g *registry) registerSources(w http.ResponseWriter, r *http.Request) (SourcesAnswer, error) {
	length := r.ContentLength
	if length < 0 || length > maxSourcesBody {
		length = maxSourcesBody
	}
	room, err := g.memory.Acquire(r.Context(), sourcesFactor*length)
	if err != nil {
		return SourcesAnswer{}, refuse(http.StatusServiceUnavailable, "shed",
			"Too many sources are being registered. Try again shortly.")
	}
	defer room.Release()
	var ask SourcesRequest
	if err := sourcesBody.decode(w, r, &ask); err != nil {
		return SourcesAnswer{}, err
	}
	answer, err := g.server.RegisterSources(r.Context(), ask)
	switch {
	case errors.Is(err, errRegister):
		return answer, badBody(asSentence(strings.TrimPrefix(err.Error(), errRegister.Error()+": ")))
	case errors.Is(err, hidden.ErrTooMany):
		return answer, &adminError{failure{status: http.StatusInsufficientStorage, code: "hidden-full",
			text: "There are as many hidden sources as --max-hidden-sources allows. Nothing was registered."}, err}
	case errors.Is(err, hidden.ErrDiskFull):
		return answer, &adminError{failure{status: http.StatusInsufficientStorage, code: "hidden-full",
			text: "The disk of --state-dir is full. Nothing was registered."}, err}
	case errors.Is(err, hidden.ErrLog):
		return answer, unavailableSources("The log of hidden sources cannot be used, so nothing was registered.", err)
	case err != nil:
		return answer, unavailableSources("The disk of --state-dir did not respond in time, so the sources are not "+
			"confirmed. Send them again: that does no harm.", err)
	}
	g.server.log.Info("hidden sources registered", "sources", len(answer.Hashes), "added", answer.Added)
	return answer, nil
}

// unavailableSources is the error of hidden sources that cannot be used.
func unavailableSources(text string, cause error) error {
	return &adminError{failure{status: http.StatusServiceUnavailable, code: codeHiddenUnavailable, text: text}, cause}
}

// errRegister: a source cannot be registered.
var errRegister = errors.New("bad registration")

// RegisterSources has sources be found by their hash. When it returns without an error they are on
// disk. To register a source again does no harm. Errors are those of hidden.Store.Add, and one of a
// source that no request could have, where nothing is registered.
func (s *Server) RegisterSources(ctx context.Context, ask SourcesRequest) (SourcesAnswer, error) {
	switch n := len(ask.Sources); {
	case n == 0:
		return SourcesAnswer{}, fmt.Errorf("%w: nothing to register; give sources", errRegister)
	case n > MaxRegistered:
		return SourcesAnswer{}, fmt.Errorf("%w: more than %d sources at once; send several lists", errRegister,
			MaxRegistered)
	}
	answer := SourcesAnswer{Hashes: make([]string, len(ask.Sources))}
	list := make([]hidden.Source, len(ask.Sources))
	for i, source := range ask.Sources {
		if err := s.checkRegistered(source); err != nil {
			return SourcesAnswer{}, fmt.Errorf("%w: source %s: %w", errRegister, transform.Quote(source), err)
		}
		hash := signedurl.HashSource(s.cfg.inForce.Load().HashKey, source)
		list[i] = hidden.Source{Hash: hidden.Hash(hash), URL: source}
		answer.Hashes[i] = hash.String()
	}
	ctx, cancel := context.WithTimeout(ctx, hidden.Timeout+time.Second)
	defer cancel()
	var err error
	answer.Added, err = s.cfg.Hidden.Store.Add(ctx, list)
	return answer, err
}

// checkRegistered says why no request could have a source.
func (s *Server) checkRegistered(source string) error {
	switch {
	case len(source) > hidden.MaxURL:
		return fmt.Errorf("it has more than %d bytes", hidden.MaxURL)
	case !utf8.ValidString(source) || strings.ContainsFunc(source, unicode.IsControl):
		return errors.New("it contains control characters or is not UTF-8")
	}
	return s.cfg.inForce.Load().Origin.Permits(source)
}

// findSource is the source that a hash stands for.
func findSource(h HiddenSources, text string) (HiddenSource, error) {
	hash, err := signedurl.ParseSourceHash(text)
	if err != nil {
		return HiddenSource{}, badBody("The hash has 22 characters, such as those that POST /sources answers.")
	}
	source, err := h.sourceOf(hash)
	switch {
	case errors.Is(err, hidden.ErrUnknown):
		return HiddenSource{}, refuse(http.StatusNotFound, codeUnknownHash, textUnknownHash)
	case err != nil:
		return HiddenSource{}, unavailableSources("The log of hidden sources cannot be read now.", err)
	}
	return HiddenSource{Hash: hash.String(), Source: source}, nil
}
