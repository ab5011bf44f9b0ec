package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// What settings need beside them, by the beginning of their names; the longest counts.
var besides = map[string]string{
	"nextjs-": "nextjs: true\nnextjs-base-url: https://w.example/\n", "nextjs-base-url": "nextjs: true\nnextjs-remote-patterns: https://r.example/\n", "nextjs": "base-url: https://w.example/\n", "request-timeout": "fetch-timeout: 2s\n",
	"fill-leases": "purge-bus: redis://r.example/0\n",
	"thumbor-":    "thumbor-key: a\n", "thumbor-key": "", "thumbor-unsafe": "",
	"imaginary-":              "imaginary-path: /im/\nimaginary-signature-key: aaaaaaaaaaaaaaaa\n",
	"imaginary-signature-key": "imaginary-path: /im/\nimaginary-key: b\n", "imaginary-path": "imaginary-key: b\n",
	"unsigned":         "unsigned-sources: https://u.example/\nunsigned: false\ncloudflare-path: /c/\n",
	"unsigned-":        "unsigned: true\nunsigned-sources: https://u.example/\nunsigned-widths: 32,64\n",
	"unsigned-sources": "unsigned: true\nunsigned-sources: https://u.example/\n",
	"unsigned-widths":  "unsigned: true\nunsigned-sources: https://u.example/\n",
	"unsigned-presets": "unsigned: true\nunsigned-sources: https://u.example/\npresets: card=w:9\n",
	"only-presets":     "presets: card=w:9\n", "browser-ttl": "cdn: nginx\n",
	"fallback-status": "fallback-image: https://f.example/a\n", "fallback-ttl": "fallback-image: https://f.example/a\n",
	"source-hash-key": "max-hidden-sources: 10\nstate-dir: /nowhere\n", "log-sources": "access-log: off\n",
	"cache-bucket-sources": "accounts: {a: {store: s3, bucket: b, access-key-id: x, secret-access-key: y}}\n" +
		"cache-bucket: a/x\n",
	"cloudflare-path": "unsigned-sources: https://u.example/\nunsigned: true\n",
}

// otherValues are values that settings do not have by default.
var otherValues = map[string]string{
	"key": "cc", "salt": "dd", "signature-size": "16", "trusted-signatures": "x", "presets": "card=w:10", "info-presets": "small=s:0",
	"access-keys":   "{a: {key: '11', salt: '22'}}",
	"allow-options": "w", "ignore-options": "style", "arguments-separator": "_", "path-prefix": "/p",
	"source-key": strings.Repeat("ab", 16), "source-hash-key": strings.Repeat("ab", 16), "thumbor-key": "other",
	"thumbor-path": "/th/", "thumbor-flavor": "imagor", "thumbor-hash": "sha256", "thumbor-truncate": "20",
	"imaginary-path": "/other/", "imaginary-signature-key": "bbbbbbbbbbbbbbbb", "imaginary-key": "c",
	"cloudflare-path": "/cf/", "unsigned-sources": "https://other.example/", "unsigned-widths": "48",
	"unsigned-heights": "48", "unsigned-dprs": "2", "unsigned-qualities": "70", "unsigned-formats": "png",
	"unsigned-presets": "card", "unsigned-info": "dimensions:1", "nextjs-path": "/n/image",
	"nextjs-base-url": "https://n.example/", "nextjs-local-patterns": "/assets/", "nextjs-qualities": "70",
	"nextjs-remote-patterns": "https://r.example/", "nextjs-device-sizes": "700", "nextjs-image-sizes": "17",
	"nextjs-formats": "avif", "nextjs-minimum-cache-ttl": "5m", "nextjs-content-disposition-type": "inline",
	"cdn": "nginx", "origins": "{a: {sources: a.example, timeout: 3s}}", "base-url": "https://b.example/",
	"source-aliases": "ph=https://p.example/", "rewrite-sources": "https://a.example/=https://b.example/",
	"allow-sources": "a.example", "accounts": "{a: {store: s3, bucket: b, anonymous: true}}",
	"allow-networks": "10.0.0.0/8", "source-key-ignore": "x", "on-long-animation": "error", "formats": "jpg,png",
	"auto-formats": "webp", "fallback-image": "https://f.example/b", "fallback-missing": "https://f.example/c",
	"fallback-failed": "https://f.example/d", "fallback-undecodable": "https://f.example/e", "fallback-status": "201",
	"log-level": "debug", "access-log": "errors", "log-sources": "host", "timing-token": "t", "sandbox": "off",
	"listen": "127.0.0.1:1", "admin-listen": "127.0.0.1:1", "admin-token": "t", "metrics-token": "t",
	"memory-limit": "777MiB", "workers": "3", "worker-jobs": "3", "cache-memory": "20MiB", "worker-command": "/x",
	"cache-dir": "/nowhere/c", "state-dir": "/nowhere/s", "cache-disk": "2GiB", "cache-sources": "10MiB",
	"purge-bus": "redis://r.example/0", "purge-bus-name": "x", "purge-in-doubt": "serve", "server-name": "x",
	"fill-leases": "redis://r.example/0", "fill-leases-handover": "2MiB", "cache-bucket-admit": "all",
	"defer": "avif", "max-hidden-sources": "10", "log-format": "json", "access-log-format": "json",
}

// A setting whose declaration says that a reload takes it changes what a reload exchanges, and one that needs a
// restart does not. What is exchanged is compared whole, by a dump.
func TestReloadExchangesWhatIsDeclared(t *testing.T) {
	t.Setenv("PICTOR_KEY", "")
	all, err := config.Reference()
	if err != nil {
		t.Fatal(err)
	}
	files, known := writeReloadFiles(t), map[string]string{}
	for _, s := range all {
		if s.Name == "config" || s.Name == "dev" || s.Name == "cache-bucket" {
			continue // of the command line, of everything, and of an account
		}
		base := "key: aa\nsalt: bb\nmemory-limit: 1GiB\n" + besidesOf(s.Name)
		value := otherValues[s.Name]
		name := s.Name
		switch secret, isFile := strings.CutSuffix(name, "-file"); {
		case files[name] != "" && !strings.HasPrefix(name, "tls-"):
			value = files[name]
		case isFile && otherValues[secret] != "":
			value = filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(value, []byte(otherValues[secret]), 0o600); err != nil {
				t.Fatal(err)
			}
			base = "key: aa\nsalt: bb\nmemory-limit: 1GiB\n" + besidesOf(secret)
		case value == "":
			value = anotherOf(s)
		}
		changed := without(base, strings.TrimSuffix(name, "-file")) + name + ": \"" + value + "\"\n"
		if strings.HasPrefix(value, "{") {
			changed = without(base, name) + name + ": " + value + "\n"
		}
		if strings.HasPrefix(name, "tls-") {
			base = "key: aa\nsalt: bb\ntls-cert: " + files["first-cert"] + "\ntls-key: " + files["first-key"] + "\n"
			changed = without(without(base, "tls-cert"), "tls-key") + "tls-cert: " + files["tls-cert"] + "\ntls-key: " +
				files["tls-key"] + "\n"
			if name == "tls-client-ca" {
				changed = base + "tls-client-ca: " + files["tls-cert"] + "\n"
			}
		}
		before, isKnown := known[base]
		if !isKnown {
			before = exchanged(t, base)
			if again := exchanged(t, base); before != again {
				t.Errorf("%s: the same settings differ: %s", name, firstDifference(before, again))
			}
			known[base] = before
		}
		after := exchanged(t, changed)
		if differs := before != after; differs != s.Reloads {
			t.Errorf("%s: reload is declared %v, and what it exchanges differs: %v (%s)\n%s", name, s.Reloads, differs,
				firstDifference(before, after), changed)
		}
	}
}

// anotherOf is a value by the kind of a setting.
func anotherOf(s config.Setting) string {
	switch last := s.Default; {
	case s.Switch:
		return "true"
	case strings.HasSuffix(last, "MP"):
		return "7MP"
	case strings.HasSuffix(last, "MiB") || strings.HasSuffix(last, "KiB"):
		return "7MiB"
	case strings.Trim(last, "0123456789") == "" && last != "" && !strings.HasPrefix(s.Name, "ttl"):
		return "7"
	case s.Name == "fill-leases-wait":
		return "700ms"
	}
	return "3s"
}

func besidesOf(name string) string {
	best, text := "", ""
	for prefix, t := range besides {
		if strings.HasPrefix(name, prefix) && len(prefix) > len(best) {
			best, text = prefix, t
		}
	}
	return text
}

// without leaves a setting out of a text.
func without(text, name string) string {
	lines := strings.SplitAfter(text, "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
	return strings.Join(lines, "")
}

// exchanged is a dump of what a reload to these settings puts in force.
func exchanged(t *testing.T, text string) string {
	t.Helper()
	cfg, err := config.Load([]byte(text))
	if err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return "wrong"
	}
	in, err := readInputs(cfg)
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return "wrong"
	}
	defer in.close()
	at := fetcherConfig(cfg, in)
	at.ID = "one"
	fetcher, err := origin.New(at)
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return "wrong"
	}
	defer fetcher.Close()
	p := &parts{}
	log, err := p.openRequestLog(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.closeAccessLog(t.Context())
	log.Access = nil // a log that runs
	made, err := newServed(cfg, in, fetcher, log)
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return "wrong"
	}
	made.Origin = nil // its Config says more
	d := dumper{}
	d.dump(reflect.ValueOf(made), 0)
	d.dump(reflect.ValueOf(at), 0)
	d.dump(reflect.ValueOf((&formatsInForce{confined: true}).allowedBy(cfg, in.access)), 0)
	if in.tls != nil {
		d.dump(reflect.ValueOf(in.tls.content), 0)
	}
	return fmt.Sprint(d.String(), cfg.Level(), p.accessLog != nil, probed(made.Mounts, fetcher))
}

// probed is what mounts make of some targets, whose dialects a dump does not show.
func probed(mounts []proxy.Mount, fetcher *origin.Fetcher) (text string) {
	mac := hmac.New(sha256.New, []byte(otherValues["imaginary-signature-key"]))
	mac.Write([]byte("/resizeurl=https%3A%2F%2Fu.example%2Fa.png&width=48"))
	signed := "resize?url=https://u.example/a.png&width=48&sign=" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	for _, m := range mounts {
		for _, rest := range []string{
			"?url=%2Fassets%2Fa.png&w=700&q=75", "?url=%2Fa.png&w=17&q=75", "?url=%2Fa.png&w=640&q=70",
			"?url=https%3A%2F%2Fr.example%2Fa.png&w=640&q=75", "/w=48/https://u.example/a.png",
			"w=48/https://u.example/a.png", "w=48,height=48/https://u.example/a.png", "w=64/https://other.example/a.png",
			"resize?width=48&url=https://u.example/a.png&key=b", "resize?width=48&url=https://u.example/a.png&key=c",
			"resize?width=32&url=https://u.example/a.png", signed,
		} {
			req, err := m.Parse(rest)
			text += fmt.Sprintf("%s %s: %+v, %v, %v\n", m.Name, rest, req, err, m.CheckSource(fetcher, req.Source))
		}
		header := map[string][]string{}
		if m.SetHeader != nil {
			m.SetHeader(header, "miss")
		}
		text += fmt.Sprint(header, m.Header)
	}
	return text
}

// dumper writes values with all that they lead to, but for functions and open files.
type dumper struct{ strings.Builder }

func (d *dumper) dump(v reflect.Value, depth int) {
	if depth > 24 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || v.Type() == reflect.TypeFor[*memfile.Source]() {
			fmt.Fprint(d, "nil ")
			return
		}
		d.dump(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if strings.HasPrefix(v.Type().Field(i).Type.String(), "sync.") {
				continue
			}
			fmt.Fprint(d, v.Type().Field(i).Name, "=")
			d.dump(v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprint(d, "[", v.Len(), " ")
		for i := range v.Len() {
			d.dump(v.Index(i), depth+1)
		}
	case reflect.Map:
		var rows []string
		for _, key := range v.MapKeys() {
			row := dumper{}
			row.dump(key, depth+1)
			row.dump(v.MapIndex(key), depth+1)
			rows = append(rows, row.String())
		}
		slices.Sort(rows)
		fmt.Fprint(d, rows)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Uintptr:
		fmt.Fprint(d, v.IsZero(), " ")
	case reflect.String:
		fmt.Fprintf(d, "%q ", v.String())
	default:
		fmt.Fprint(d, v, " ")
	}
}

func firstDifference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-60)
	return fmt.Sprintf("%q and %q", a[from:min(len(a), i+60)], b[from:min(len(b), i+60)])
}
