package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// cli is a small command line as cmd would have it: the server, and a command
// that shares the keys.
type cli struct {
	Serve struct{ Serve } `cmd:""`
	Sign  struct {
		File
		Keys
		Expires string
		Path    string `arg:"" optional:""`
	} `cmd:""`
	Version struct{} `cmd:""`
}

type environment map[string]string

func (e environment) lookup(name string) (string, bool) { v, ok := e[name]; return v, ok }

func parse(t *testing.T, env environment, args ...string) (*cli, error) {
	t.Helper()
	var c cli
	k, err := kong.New(&c, Sources(env.lookup))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse(k, args)
	return &c, err
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kind is one setting with the value it gets from each level.
type kind struct {
	name                    string
	read                    func(*Serve) any
	flag, env, file, preset string
}

var kinds = []kind{
	{"admin-listen", func(s *Serve) any { return s.AdminListen }, "[::1]:1", "off", "127.0.0.1:3", ""},
	{"admin-token", func(s *Serve) any { return string(s.AdminToken) }, "a", "b", "c", ""},
	{"metrics-token", func(s *Serve) any { return string(s.MetricsToken) }, "a", "b", "c", ""},
	{"listen", func(s *Serve) any { return s.Listen }, ":1", ":2", ":3", ""},
	{"insecure", func(s *Serve) any { return s.Insecure }, "true", "false", "true", "false"},
	{"dev", func(s *Serve) any { return s.Dev }, "false", "true", "false", "false"},
	{"signature-size", func(s *Serve) any { return s.SignatureSize }, "16", "17", "18", "32"},
	{"workers", func(s *Serve) any { return s.Workers }, "1", "2", "3", "0"},
	{"memory-limit", func(s *Serve) any { return s.MemoryLimit }, "1GiB", "2GiB", "3GiB", "0"},
	{"cache-memory", func(s *Serve) any { return s.CacheMemory }, "1MiB", "off", "3MiB", ""},
	{"ttl", func(s *Serve) any { return s.TTL }, "1s", "2s", "3s", "1h0m0s"},
	{"ttl-min", func(s *Serve) any { return s.TTLMin }, "0s", "2s", "3s", "0s"},
	{"allow-networks", func(s *Serve) any { return s.AllowNetworks }, "1.0.0.0/8,::1/128", "2.0.0.0/8", "3.0.0.0/8", ""},
	{"max-source-size", func(s *Serve) any { return s.MaxSourceSize }, "1MiB", "2MiB", "3MiB", "64MiB"},
	{"max-source-pixels", func(s *Serve) any { return s.MaxSourcePixels }, "1MP", "2MP", "3MP", "100MP"},
	{"log-level", func(s *Serve) any { return s.LogLevel }, "debug", "warn", "error", "info"},
	{"key", func(s *Serve) any { return string(s.Key) }, "aa", "bb", "cc", ""},
}

// TestFlagBeatsEnvironmentBeatsFileBeatsDefault goes over flag × environment ×
// file, each of them missing, empty or set.
func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	const empty, set = 1, 2 // 0 is missing
	for _, k := range kinds {
		for n := range 27 {
			flag, env, file := n/9, n/3%3, n%3
			// The command must be valid without the setting.
			args, vars := []string{"serve"}, environment{"PICTOR_KEY": "00", "PICTOR_SALT": "00"}
			text, want := "", k.preset
			switch file {
			case empty:
				text = k.name + ":\n"
			case set:
				text, want = k.name+": '"+k.file+"'\n", k.file
			}
			if k.name == "key" {
				args = append(args, "--insecure")
				delete(vars, "PICTOR_KEY")
			}
			switch env {
			case empty:
				vars[envName(k.name)] = ""
			case set:
				vars[envName(k.name)], want = k.env, k.env
			}
			switch flag {
			case empty:
				args = append(args, "--"+k.name+"=")
			case set:
				args, want = append(args, "--"+k.name+"="+k.flag), k.flag
			}
			if k.name == "key" && want == "" {
				delete(vars, "PICTOR_SALT")
			}
			vars["PICTOR_CONFIG"] = write(t, "pictor.yaml", text)
			c, err := parse(t, vars, args...)
			if err != nil {
				t.Errorf("%s, flag %d, env %d, file %d: %v", k.name, flag, env, file, err)
				continue
			}
			if got := fmt.Sprint(k.read(&c.Serve.Serve)); got != want {
				t.Errorf("%s, flag %d, env %d, file %d: got %s, want %s", k.name, flag, env, file, got, want)
			}
		}
	}
}

func TestEmptyMeansUnsetInEverySpelling(t *testing.T) {
	config := write(t, "c.yaml", "ttl: 5m\nallow-networks: []\nworkers: \"\"\nlisten: ~\n")
	c, err := parse(t, environment{"PICTOR_TTL": " ", "PICTOR_WORKERS": "", "PICTOR_DEV": ""},
		"serve", "--insecure", "--config", config, "--ttl", "", "--memory-limit=", "--key=", "--key-file", "")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if s.TTL.String() != "5m0s" || s.AllowNetworks != nil || s.Workers != 0 || s.Address() != ":8080" ||
		s.MemoryLimit != 0 || s.Dev {
		t.Errorf("got %+v", s)
	}
}

func TestEmptyArgumentsThatAreNoSettingsStay(t *testing.T) {
	got := dropEmpty([]string{"sign", "--expires=", "--expires", "", "--insecure", "", "--ttl", "", "--ttl=", "",
		"--", "--ttl="}, tableOf(t))
	want := "sign|--expires=|--expires||--insecure|||--|--ttl="
	if strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

func TestRepeatedListAddsUp(t *testing.T) {
	c, err := parse(t, nil, "serve", "--insecure", "--allow-networks=10.0.0.1", "--allow-networks", "::1,fd00::/8")
	if err != nil || c.Serve.AllowNetworks.String() != "10.0.0.1/32,::1/128,fd00::/8" {
		t.Errorf("got %s, %v", c.Serve.AllowNetworks, err)
	}
}

func TestSwitchesReadOnAndOff(t *testing.T) {
	for text, want := range map[string]bool{"on": true, "ON": true, "yes": true, "1": true, "true": true,
		"off": false, "no": false, "0": false, "false": false} {
		c, err := parse(t, environment{"PICTOR_INSECURE": text}, "serve", "--dev")
		if err != nil || c.Serve.Insecure != want {
			t.Errorf("%q: got %v, %v", text, c.Serve.Insecure, err)
		}
	}
	_, err := parse(t, environment{"PICTOR_DEV": "maybe"}, "serve")
	if err == nil || !strings.Contains(err.Error(), "PICTOR_DEV") {
		t.Errorf("got %v", err)
	}
}

func TestBadValueIsRefusedWithItsPlace(t *testing.T) {
	config := write(t, "c.yaml", "\nmax-source-size: 64m\n")
	for _, c := range []struct {
		env  environment
		args []string
		want []string
	}{
		{environment{"PICTOR_TTL": "soon"}, nil, []string{"--ttl", "PICTOR_TTL", "soon"}},
		{environment{"PICTOR_WORKERS": "two"}, nil, []string{"--workers", "PICTOR_WORKERS"}},
		{environment{"PICTOR_CONFIG": config}, nil, []string{"--max-source-size", config + " line 2", "MiB"}},
		{nil, []string{"--ttl=soon"}, []string{"--ttl", "soon"}},
		{nil, []string{"--config=/does/not/exist.yaml"}, []string{"--config", "/does/not/exist.yaml"}},
		{environment{"PICTOR_CONFIG": write(t, "d.yaml", "tll: 1h")}, nil, []string{"d.yaml: line 1", `did you mean "ttl"`}},
	} {
		_, err := parse(t, c.env, append([]string{"serve", "--insecure"}, c.args...)...)
		if err == nil {
			t.Errorf("%v %v is accepted", c.env, c.args)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v %v: %q does not say %s", c.env, c.args, err, want)
			}
		}
	}
}

func TestErrorsAreOfUsageOrOfSettings(t *testing.T) {
	bad := write(t, "bad.yaml", "ttl: soon\n")
	for _, c := range []struct {
		env  environment
		args []string
		want error
	}{
		{nil, nil, ErrUsage},
		{nil, []string{"server"}, ErrUsage},
		{nil, []string{"serve", "--insecure", "--listn=:1"}, ErrUsage},
		{nil, []string{"serve", "--insecure", "extra"}, ErrUsage},
		{nil, []string{"serve", "--insecure", "--ttl"}, ErrUsage},
		{nil, []string{"serve", "--ttl", "--insecure"}, ErrUsage},
		{nil, []string{"sign", "a", "b"}, ErrUsage},
		{nil, []string{"serve"}, ErrSetting},
		{nil, []string{"serve", "--insecure", "--ttl=soon"}, ErrSetting},
		{nil, []string{"serve", "--insecure", "--workers=two"}, ErrSetting},
		{nil, []string{"serve", "--insecure", "--cache-disk=10"}, ErrSetting},
		{nil, []string{"serve", "--insecure", "--allow-networks=x"}, ErrSetting},
		{nil, []string{"serve", "--insecure=maybe"}, ErrSetting},
		{nil, []string{"serve", "--insecure", "--config", bad}, ErrSetting},
		{nil, []string{"serve", "--insecure", "--config", bad + "x"}, ErrSetting},
		{nil, []string{"serve", "--key-file", bad + "x"}, ErrSetting},
		{nil, []string{"serve", "--key=aa", "--key-file", bad}, ErrSetting},
		{nil, []string{"sign", "--key=aa"}, ErrSetting},
		{environment{"PICTOR_TTL": "soon"}, []string{"serve", "--insecure"}, ErrSetting},
		{environment{"PICTOR_INSECURE": "maybe"}, []string{"serve"}, ErrSetting},
		{environment{"PICTOR_CONFIG": bad + "x"}, []string{"serve", "--insecure"}, ErrSetting},
	} {
		_, err := parse(t, c.env, c.args...)
		if !errors.Is(err, c.want) || errors.Is(err, ErrUsage) == errors.Is(err, ErrSetting) {
			t.Errorf("%v %q: %v is not %v", c.env, c.args, err, c.want)
		}
	}
}

func TestSecretComesFromAFileAtEachLevel(t *testing.T) {
	one, two, three := write(t, "one", " 0a01\n"), write(t, "two", "0a02\r\n"), write(t, "three", "\n0a03")
	config := write(t, "c.yaml", "key-file: "+three+"\nsalt: 00\n")
	for _, c := range []struct {
		name string
		env  environment
		args []string
		want string
	}{
		{"yaml", nil, nil, "0a03"},
		{"environment over yaml", environment{"PICTOR_KEY_FILE": two}, nil, "0a02"},
		{"plain environment over a file in yaml", environment{"PICTOR_KEY": "0b"}, nil, "0b"},
		{"flag over environment", environment{"PICTOR_KEY_FILE": two}, []string{"--key-file", one}, "0a01"},
		{"flag file over plain environment", environment{"PICTOR_KEY": "0b"}, []string{"--key-file", one}, "0a01"},
		{"plain flag over a file in the environment", environment{"PICTOR_KEY_FILE": two}, []string{"--key=0c"}, "0c"},
		{"empty variable", environment{"PICTOR_KEY_FILE": ""}, nil, "0a03"},
		{"empty flag", environment{"PICTOR_KEY_FILE": two}, []string{"--key-file="}, "0a02"},
		{"flag over two in the environment", environment{"PICTOR_KEY_FILE": two, "PICTOR_KEY": "0b"}, []string{"--key=0c"}, "0c"},
	} {
		got, err := parse(t, c.env, append([]string{"serve", "--config", config}, c.args...)...)
		if err != nil || string(got.Serve.Key) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, string(got.Serve.Key), err, c.want)
		}
	}
}

func TestSecretSetTwiceOrInABadFileIsRefused(t *testing.T) {
	file := write(t, "key", "0a")
	for _, c := range []struct {
		name string
		env  environment
		args []string
		want []string
	}{
		{"environment", environment{"PICTOR_KEY": "0b", "PICTOR_KEY_FILE": file}, nil, []string{"both PICTOR_KEY and PICTOR_KEY_FILE"}},
		{"flags", nil, []string{"--salt=0b", "--salt-file", file}, []string{"both --salt and --salt-file"}},
		{"yaml", nil, []string{"--config", write(t, "c.yaml", "key: 0b\nkey-file: "+file)}, []string{"both", "line 1, key and", "line 2, key-file"}},
		{"missing", nil, []string{"--key-file=/does/not/exist"}, []string{"--key-file", "/does/not/exist"}},
		{"empty", environment{"PICTOR_SALT_FILE": write(t, "empty", "\n")}, nil, []string{"PICTOR_SALT_FILE", "is empty"}},
		{"large", environment{"PICTOR_KEY_FILE": write(t, "large", strings.Repeat("0", maxSecret+1))}, nil, []string{"PICTOR_KEY_FILE", "larger than 64KiB"}},
	} {
		_, err := parse(t, c.env, append([]string{"serve", "--insecure"}, c.args...)...)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %s", c.name, err, want)
			}
		}
	}
}

func TestCommandsShareTheKeys(t *testing.T) {
	config := write(t, "c.yaml", "key: 0a\nsalt: 0b\nttl: 5m\nlisten: nonsense\n")
	c, err := parse(t, environment{"PICTOR_SIGNATURE_SIZE": "12", "PICTOR_EXPIRES": "never"}, "sign", "--config",
		config, "/rs:fill/plain/x")
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := c.Sign.Pairs()
	if err != nil || len(pairs) != 1 || pairs[0].Key[0] != 10 || pairs[0].Salt[0] != 11 || c.Sign.SignatureSize != 12 {
		t.Errorf("got %v, %v, size %d", pairs, err, c.Sign.SignatureSize)
	}
	if c.Sign.Expires != "" || c.Sign.Path != "/rs:fill/plain/x" {
		t.Errorf("what is no setting is not resolved: %+v", c.Sign)
	}
	_, err = parse(t, environment{"PICTOR_KEY": "0g"}, "sign")
	if err == nil || !strings.Contains(err.Error(), "hexadecimal") {
		t.Errorf("a bad key in sign: %v", err)
	}
}

func TestCommandWithoutSettingsReadsNoFile(t *testing.T) {
	_, err := parse(t, environment{"PICTOR_CONFIG": "/does/not/exist", "PICTOR_TTL": "soon"}, "version")
	if err != nil {
		t.Error(err)
	}
}

func TestParsingServeValidates(t *testing.T) {
	_, err := parse(t, environment{"PICTOR_TTL": "-1s", "PICTOR_SIGNATURE_SIZE": "4"}, "serve")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"no signing key", "--ttl is -1s", "--signature-size is 4"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %s", err, want)
		}
	}
}

func TestHelpNamesTheEnvironmentAndDefaultOfEachSetting(t *testing.T) {
	var c cli
	var out bytes.Buffer
	k, err := kong.New(&c, Sources(environment{}.lookup), kong.Writers(&out, &out), kong.Exit(func(int) {}),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 80}))
	if err != nil {
		t.Fatal(err)
	}
	// Validation complains afterwards, as Exit does not exit here.
	_, _ = k.Parse([]string{"serve", "--help"})
	help := regexp.MustCompile(`\s+`).ReplaceAllString(out.String(), " ")
	for name := range tableOf(t) {
		if !strings.Contains(help, "--"+name) || !strings.Contains(help, "($"+envName(name)+")") {
			t.Errorf("%s or its variable is missing", name)
		}
	}
	for _, want := range []string{"--listen=:8080", "--ttl=1h", "--max-source-size=64MiB", "--key=HEX,...", "--dev ",
		"Show context-sensitive help. "} {
		if !strings.Contains(help, want) {
			t.Errorf("help lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(help, "PICTOR_HELP") {
		t.Error("--help is no setting")
	}
}
