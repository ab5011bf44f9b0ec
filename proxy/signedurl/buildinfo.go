package signedurl

import "strings"

// Info begins a URL of facts about the image at a source. Of the methods of a URL it has those for its options
// (FactOptions), its cachebuster and its expiry.
func (b *Builder) Info(source string) URL {
	r := newInfoRequest()
	r.Source = source
	return URL{b: b, r: r}
}

// infoPath is the path of a URL of facts, with the signature.
func (u URL) infoPath() (string, error) {
	path := u.r.InfoPath(u.b.Plain)
	if u.b.SourceKey != nil && u.b.HashKey == nil {
		segment, err := EncryptSource(u.b.SourceKey, u.r.Source)
		if err != nil {
			return "", err
		}
		hidden := u.r
		hidden.Source = ""
		path = hidden.InfoPath(false) + encPrefix + segment
	}
	if len(u.presets) > 0 {
		path = "/pr:" + strings.Join(u.presets, ":") + path
	}
	d := Dialect{cfg: DialectConfig{SourceKey: u.b.SourceKey, InfoPresets: map[string]string{}}}
	for _, name := range u.presets {
		d.cfg.InfoPresets[name] = "size:1"
	}
	if _, err := d.ParseUnsignedInfo(path); err != nil {
		return "", err
	}
	return "/" + InfoMark + "/" + u.b.Keyring.Sign(path) + path, nil
}
