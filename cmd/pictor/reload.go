package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// reloadable are the settings that a reload takes, without the files of secrets: a secret is what is in
// its file.
var reloadable = []string{
	"key", "salt", "signature-size", "access-keys", "trusted-signatures", "insecure",
	"presets", "presets-file", "only-presets", "allow-options", "ignore-options", "arguments-separator", "source-name",
	"source-key",
	"unsigned", "unsigned-sources", "unsigned-widths", "unsigned-heights", "unsigned-dprs", "unsigned-qualities",
	"unsigned-formats", "unsigned-presets", "unsigned-snap",
	"allow-sources", "log-level", "tls-cert", "tls-key", "tls-client-ca",
}

func isReloadable(name string) bool {
	return slices.Contains(reloadable, name) || slices.Contains(reloadable, strings.TrimSuffix(name, "-file"))
}

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
}

// fileContents are settings that the text of a setting does not show, as they are in files that it names.
type fileContents struct {
	keys    map[string]config.AccessKey
	presets map[string]string
	tls     [sha256.Size]byte
}

func newReloader(p *parts, cfg *config.Serve, level *slog.LevelVar) *reloader {
	return &reloader{parts: p, level: level, read: parseServe, cfg: *cfg,
		contents: contentsOf(cfg, p.certificates.inForce.Load())}
}

// contentsOf reads what is in files. They were read before without an error.
func contentsOf(cfg *config.Serve, tls *tlsFiles) (c fileContents) {
	c.keys, _ = cfg.AccessKeyList()
	c.presets, _ = cfg.PresetList()
	if tls != nil {
		c.tls = tls.content
	}
	return c
}

// reload puts in force what may change. Where anything is wrong nothing changes.
func (r *reloader) reload() (answer proxy.ReloadAnswer, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.parts.systemd.tellReloading()()
	answer, err = r.readAndApply()
	if err != nil {
		r.parts.log.Error("settings not reloaded: those in force stay", "err", err)
		return answer, err
	}
	r.parts.log.Info("settings reloaded", "changed", strings.Join(answer.Changed, ","),
		"restart", strings.Join(answer.Restart, ","))
	return answer, nil
}

func (r *reloader) readAndApply() (answer proxy.ReloadAnswer, err error) {
	fresh, err := r.read()
	if err == nil {
		_, err = parseInputs(fresh) // so that the next start will have no error either
	}
	if err != nil {
		return answer, err
	}
	next := r.cfg
	answer = proxy.ReloadAnswer{Changed: []string{}, Restart: []string{}}
	changed, left, err := next.Adopt(fresh, func(name string) bool {
		// A listener has TLS or not for as long as it is there.
		return isReloadable(name) && (!strings.HasPrefix(name, "tls-") || r.cfg.ServesTLS() == fresh.ServesTLS())
	})
	if err != nil {
		return answer, err
	}
	rules, err := readRules(&next)
	if err != nil {
		return answer, err
	}
	if rules.Mounts, err = allMounts(&next, rules, r.parts.origin); err != nil {
		return answer, err
	}
	_, allowed, err := readSources(&next.SourceSettings)
	if err != nil {
		return answer, err
	}
	tls, err := readTLS(&next.TLS)
	if err != nil {
		return answer, err
	}
	// First the sources: the rules have known targets read again.
	r.parts.origin.SetAllowed(allowed)
	if err := r.parts.server.Reload(rules); err != nil {
		return answer, err
	}
	r.level.Set(next.Level())
	r.parts.certificates.use(tls)
	if w := tls.warning(time.Now()); w != "" {
		r.parts.log.Warn(w)
	}
	contents := contentsOf(&next, tls)
	for name, same := range map[string]bool{"access-keys": reflect.DeepEqual(contents.keys, r.contents.keys),
		"tls-cert": contents.tls == r.contents.tls || slices.Contains(changed, "tls-key") ||
			slices.Contains(changed, "tls-client-ca"),
		"presets-file": slices.Contains(changed, "presets") ||
			reflect.DeepEqual(contents.presets, r.contents.presets)} {
		if !same && !slices.Contains(changed, name) {
			changed = append(changed, name)
		}
	}
	r.cfg, r.contents = next, contents
	answer.Changed, answer.Restart = append(answer.Changed, changed...), append(answer.Restart, left...)
	return answer, nil
}

// settings are those in force.
func (r *reloader) settings() config.Serve {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg
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
