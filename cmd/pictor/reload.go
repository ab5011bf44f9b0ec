package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform"
)

// reloader reads the settings again while the server runs.
type reloader struct {
	parts *parts
	level *slog.LevelVar
	// read reads the settings: the same command line and environment, and the files as they are now.
	read func() (*config.Serve, error)

	mu sync.Mutex
	// cfg are the settings in force.
	cfg config.Serve
	// contents are what is in files that settings in force name.
	contents fileContents
	// loaded is when they were read; refused: a reload was refused after that.
	loaded  atomic.Int64 // as nanoseconds since 1970
	refused atomic.Bool
	// bucket is the account of --cache-bucket, which a reload does not exchange; "" for none.
	bucket config.Account
}

func newReloader(p *parts, cfg *config.Serve, in *inputs, level *slog.LevelVar) *reloader {
	r := &reloader{parts: p, level: level, read: parseServe, cfg: *cfg, contents: contentsOf(cfg, in)}
	_, r.bucket, _, _, _ = cfg.SharedBucket() // it was read before
	r.loaded.Store(time.Now().UnixNano())
	return r
}

// reload puts in force what may change. Where anything is wrong nothing changes.
func (r *reloader) reload() (answer proxy.ReloadAnswer, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.parts.systemd.tellReloading()()
	began := time.Now()
	answer, err = r.readAndApply()
	r.refused.Store(err != nil)
	if err != nil {
		r.parts.log.Error("settings not reloaded: those in force stay", "err", err)
		return answer, err
	}
	r.loaded.Store(began.UnixNano())
	r.parts.log.Info("settings reloaded", "changed", strings.Join(answer.Changed, ","),
		"restart", strings.Join(answer.Restart, ","))
	return answer, nil
}

// readAndApply reads each file once: what is checked is what is put in force.
func (r *reloader) readAndApply() (answer proxy.ReloadAnswer, err error) {
	fresh, err := r.read()
	if err != nil {
		return answer, err
	}
	if _, err := makePlan(fresh); err != nil { // so that the next start will have no error either
		return answer, config.Invalid(err)
	}
	next := r.cfg
	changed, left, err := next.Adopt(fresh, func(name string) bool { return r.mayChange(name, fresh) })
	if err != nil {
		return answer, err
	}
	if err := next.Validate(); err != nil {
		return answer, fmt.Errorf("with the settings that need a restart (%s) as they are: %w",
			strings.Join(left, ", "), err)
	}
	in, err := readInputs(&next)
	if err != nil {
		return answer, err
	}
	if err := r.apply(&next, in); err != nil {
		in.close()
		return answer, err
	}
	contents := contentsOf(&next, in)
	changed = append(changed, contents.differences(r.contents, changed)...)
	if _, bucket, _, ok, err := next.SharedBucket(); ok && err == nil && bucket != r.bucket {
		left = append(left, "cache-bucket") // whose account is that of the start
	}
	r.cfg, r.contents = next, contents
	answer = proxy.ReloadAnswer{Changed: append([]string{}, changed...), Restart: append([]string{}, left...)}
	return answer, nil
}

// mayChange says whether a setting that a reload takes may become another one in this server.
func (r *reloader) mayChange(name string, fresh *config.Serve) bool {
	switch {
	case strings.HasPrefix(name, "tls-"): // a listener has TLS or not for as long as it is there
		return r.cfg.ServesTLS() == fresh.ServesTLS()
	case name == "formats": // workers that were started without fonts draw no SVG
		access, err := formatAccess(fresh.FormatNames())
		f := r.parts.formats
		return err != nil || f.fonts || !f.allowedBy(fresh, access).Read.Has(transform.SVG)
	}
	return true
}

// apply puts settings in force, all of them or none.
func (r *reloader) apply(next *config.Serve, in *inputs) error {
	p := r.parts
	fetcher, err := p.server.Origin().With(fetcherConfig(next, in))
	if err != nil {
		return config.Invalid(err)
	}
	requestLog, err := p.openRequestLog(next)
	if err != nil {
		return err
	}
	following, err := newServed(next, in, fetcher, requestLog)
	if err != nil {
		return err
	}
	if err := p.server.Reload(following.Rules, following.RuntimeConfig); err != nil {
		return err
	}
	p.formats.allow(p.formats.allowedBy(next, in.access))
	r.level.Set(next.Level())
	p.certificates.use(in.tls)
	if w := in.tls.warning(time.Now()); w != "" {
		p.log.Warn(w)
	}
	return nil
}

// settings are those in force.
func (r *reloader) settings() config.Serve {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg
}

// status is for metrics. It does not wait for a reload.
func (r *reloader) status() proxy.SettingsStatus {
	s := proxy.SettingsStatus{Loaded: time.Unix(0, r.loaded.Load()), ReloadRefused: r.refused.Load()}
	if files := r.parts.certificates.inForce.Load(); files != nil {
		s.CertificateEnds = files.leaf.NotAfter
	}
	return s
}

// reloadOnSignals reloads at each SIGHUP, until stop is called. In development the signal ends the process,
// as it does where a terminal is closed.
func (r *reloader) reloadOnSignals() (stop func()) {
	if r.cfg.Dev {
		return func() {}
	}
	hangups := make(chan os.Signal, 1) // one that waits stands for all that come meanwhile
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangups:
				_, _ = r.reload() // it has logged the error
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) } // the signal stays caught: it must not end what is shutting down
}

// reloadCmd asks a running server to read its settings again.
type reloadCmd struct {
	config.File `embed:""`
	adminFlags  `embed:""`

	Timeout time.Duration `help:"How long to wait for a response." default:"1m"`
}

func (cmd *reloadCmd) Run() error {
	req, err := cmd.newPost(context.Background(), "/reload", struct{}{})
	if err != nil {
		return err
	}
	resp, err := openAdmin("--admin-listen", cmd.AdminListen, cmd.Timeout, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := readAnswer(resp)
	if err != nil && resp.StatusCode == http.StatusUnprocessableEntity {
		return config.Invalid(err)
	}
	var answer proxy.ReloadAnswer
	if err == nil {
		if err = json.Unmarshal(text, &answer); err != nil {
			err = fmt.Errorf("%w: %w", errUnsure, err)
		}
	}
	if errors.Is(err, errUnsure) {
		err = fmt.Errorf("%w; the settings may have been reloaded all the same, and repeating it does no harm", err)
	}
	if err != nil {
		return err
	}
	what := "nothing has changed"
	if len(answer.Changed) > 0 {
		what = strings.Join(answer.Changed, ", ")
	}
	fmt.Println("reloaded:", what)
	if len(answer.Restart) > 0 {
		fmt.Println("only a restart takes:", strings.Join(answer.Restart, ", "))
	}
	return nil
}
