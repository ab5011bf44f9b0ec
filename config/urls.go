package config

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// URLs are the settings that say how paths are read; commands that read or
// mint them embed them too.
type URLs struct {
	Presets       string `help:"Named options, name=options, comma-separated, as in card=rs:fill:300:200/q:80. The preset called default is applied to every image first. In the YAML file also a mapping." placeholder:"NAME=OPTIONS,..." group:"URLs" reload:"yes"`
	PresetsFile   string `help:"File with one preset per line, and comments after #. Added to --presets." placeholder:"FILE" group:"URLs" reload:"yes"`
	InfoPresets   string `help:"Named options of facts (/info), as in placeholder=thumb_hash:1/average:1. The preset called default is applied to every path of facts first. In the YAML file also a mapping." placeholder:"NAME=OPTIONS,..." group:"URLs" reload:"yes"`
	OnlyPresets   bool   `help:"Accept names of presets instead of options." group:"URLs" reload:"yes"`
	AllowOptions  string `help:"Options that a URL may use. Presets may use others. Default: all." placeholder:"NAME,..." group:"URLs" reload:"yes"`
	IgnoreOptions string `help:"Options of imgproxy's paid edition to ignore instead of refusing them." placeholder:"NAME,..." group:"URLs" reload:"yes"`
	// Separator is empty where it was not set: a colon.
	Separator     string `name:"arguments-separator" help:"Separator between an option and its arguments." placeholder:":" group:"URLs" reload:"yes"`
	PathPrefix    string `help:"Prefix of each path, before the signature, such as /images." placeholder:"/PATH" group:"URLs" reload:"yes"`
	SourceName    bool   `name:"source-name" help:"Ignore the last segment of a base64 source, which is a file name for search engines." group:"URLs" reload:"yes"`
	SourceKey     Secret `help:"Key of encrypted sources (enc/) in hexadecimal: 16, 24 or 32 bytes." placeholder:"HEX" group:"URLs" reload:"yes"`
	SourceKeyFile string `help:"File with the key of encrypted sources, instead of --source-key." placeholder:"FILE" group:"URLs" reload:"yes"`
	Thumbor
	Unsigned
	Nextjs
	Imaginary
	TrustedSignatures Secret `help:"Signatures that are accepted with any path. Treat them like passwords." placeholder:"TEXT,..." group:"Signing" reload:"yes"`
	// TrustedSignaturesFile is as Keys.KeyFile.
	TrustedSignaturesFile string `help:"File with the trusted signatures, instead of --trusted-signatures." placeholder:"FILE" group:"Signing" reload:"yes"`
}

// Thumbor are the settings of thumbor's and imagor's dialect, which is on where
// there is a key or its paths may be unsafe.
type Thumbor struct {
	ThumborKey      Secret `help:"Keys of thumbor URLs, comma-separated texts. The first one signs, all of them verify." placeholder:"TEXT,..." group:"URLs" reload:"yes"`
	ThumborKeyFile  string `help:"File with the keys of thumbor URLs, instead of --thumbor-key." placeholder:"FILE" group:"URLs" reload:"yes"`
	ThumborUnsafe   bool   `help:"Accept unsafe/ instead of a hash in thumbor URLs: anyone can request any image." group:"URLs" reload:"yes"`
	ThumborPath     string `help:"Where thumbor URLs begin. / for the root." default:"/thumbor/" placeholder:"/thumbor/" group:"URLs" reload:"yes"`
	ThumborFlavor   string `help:"Meaning of filters in thumbor URLs: thumbor or imagor." default:"thumbor" placeholder:"thumbor" group:"URLs" reload:"yes"`
	ThumborHash     string `help:"Hash of thumbor URLs: sha1, sha256 or sha512." default:"sha1" placeholder:"sha1" group:"URLs" reload:"yes"`
	ThumborTruncate int    `help:"Characters of the hash in thumbor URLs, at least 17. 0: all." default:"0" placeholder:"N" group:"URLs" reload:"yes"`
}

// ThumborOn says whether the dialect is served.
func (t *Thumbor) ThumborOn() bool { return t.ThumborKey != "" || t.ThumborUnsafe }

// ThumborKeys are the keys.
func (t *Thumbor) ThumborKeys() []string { return splitList(string(t.ThumborKey)) }

// ThumborRoot is ThumborPath with a slash before and behind it.
func (t *Thumbor) ThumborRoot() string {
	p := strings.Trim(t.ThumborPath, "/")
	if p == "" {
		return "/"
	}
	return "/" + p + "/"
}

// InfoPresetList are the presets of facts, by their names.
func (u *URLs) InfoPresetList() (map[string]string, error) {
	return presetsOf("--info-presets", u.InfoPresets)
}

// presetsOf are the presets of a setting, by their names.
func presetsOf(flag, text string) (map[string]string, error) {
	all := map[string]string{}
	for _, entry := range splitList(text) {
		if err := addPreset(all, entry); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
	}
	return all, nil
}

// PresetList are the presets of both settings, by their names.
func (u *URLs) PresetList() (map[string]string, error) {
	all, err := presetsOf("--presets", u.Presets)
	if err != nil {
		return nil, err
	}
	if u.PresetsFile == "" {
		return all, nil
	}
	data, err := readLimited(u.PresetsFile, maxFile)
	if err != nil {
		return nil, fmt.Errorf("--presets-file: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := addPreset(all, line); err != nil {
			return nil, fmt.Errorf("--presets-file, line %d: %w", n, err)
		}
	}
	return all, lines.Err()
}

func addPreset(all map[string]string, entry string) error {
	return addNamed(all, entry, "preset", "name=options")
}

// AllowedOptions are nil where all are.
func (u *URLs) AllowedOptions() []string { return splitList(u.AllowOptions) }

// IgnoredOptions are the options to ignore, nil for none.
func (u *URLs) IgnoredOptions() []string { return splitList(u.IgnoreOptions) }

// Trusted are the trusted signatures.
func (u *URLs) Trusted() []string { return splitList(string(u.TrustedSignatures)) }

// Prefix is PathPrefix with a slash before it and none behind; empty for none.
func (u *URLs) Prefix() string {
	p := strings.Trim(u.PathPrefix, "/")
	if p == "" {
		return ""
	}
	return "/" + p
}

// SourceKeyBytes is the key of encrypted sources, nil for none.
func (u *URLs) SourceKeyBytes() ([]byte, error) {
	if u.SourceKey == "" {
		return nil, nil
	}
	key, err := hex.DecodeString(string(u.SourceKey))
	if err != nil || len(key) != 16 && len(key) != 24 && len(key) != 32 {
		return nil, errors.New("--source-key is not 32, 48 or 64 hexadecimal digits: make one with `openssl rand " +
			"-hex 32`")
	}
	return key, nil
}

// Validate joins the errors of these settings. Whether the options exist is checked by
// the dialect. Kong calls it.
func (u *URLs) Validate() error {
	_, presets := u.PresetList()
	_, infoPresets := u.InfoPresetList()
	_, key := u.SourceKeyBytes()
	var prefix error
	if strings.ContainsAny(u.PathPrefix, "?#% ") {
		prefix = fmt.Errorf("--path-prefix is %q: write it like /images", u.PathPrefix)
	}
	return Invalid(errors.Join(presets, infoPresets, key, prefix, u.Unsigned.validate(), u.Nextjs.validate(),
		u.Imaginary.validate()))
}
