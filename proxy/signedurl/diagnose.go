package signedurl

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Diagnosis is what is known of a target's signature.
type Diagnosis struct {
	// Valid says that it verifies.
	Valid bool
	// Signed is the part of the path that is signed, as it would have to be.
	Signed string
	// Want is the right signature.
	Want string
	// Mistakes are what would explain the wrong one, each a sentence; none
	// where nothing that is known does.
	Mistakes []string
	// Damage is what was done to the path on the way, and undone.
	Damage string
}

// Diagnose looks for the mistake behind a signature that does not verify. It
// needs the keys, so it is for operators: a server that told strangers would
// help them along. prefix is the server's path prefix.
func (k *Keyring) Diagnose(target, prefix string) Diagnosis {
	path, wrong := pathBehind(target, prefix)
	if path == "" {
		return Diagnosis{Mistakes: []string{wrong}}
	}
	if v, err := k.Verify(path); err == nil && !unsigned(path) {
		d := splits(path)[0].diagnosis()
		if v.path != d.Signed {
			d.Signed, d.Damage = v.path, "" // signed as it came
		}
		d.Want, d.Valid = k.Sign(d.Signed), true
		return d
	}
	var best Diagnosis
	for _, s := range splits(path) {
		mistakes := k.mistakes(s.signature, s.rest, query(target), prefix)
		if len(mistakes) > 0 && (best.Mistakes == nil || len(mistakes) < len(best.Mistakes)) {
			best = s.diagnosis()
			best.Mistakes = mistakes
		}
	}
	if best.Mistakes == nil {
		best = byForm(path, k.size)
	}
	best.Want = k.Sign(best.Signed)
	return best
}

// DiagnoseForm is Diagnose without a key: a signature of the right form is Valid
// whatever it signs. size is how many bytes signatures have.
func DiagnoseForm(target, prefix string, size int) Diagnosis {
	path, wrong := pathBehind(target, prefix)
	if path == "" {
		return Diagnosis{Mistakes: []string{wrong}}
	}
	d := byForm(path, size)
	d.Valid = len(d.Mistakes) == 0
	return d
}

func pathBehind(target, prefix string) (path, wrong string) {
	path = WithoutPrefix(target, prefix)
	if prefix != "" && path == "" {
		return "", fmt.Sprintf("the path does not begin with the server's prefix %s", prefix)
	}
	return "/" + strings.TrimPrefix(PathOf(path), "/"), ""
}

// unsigned: the path begins with options or a source.
func unsigned(path string) bool {
	first, _, more := strings.Cut(path[1:], "/")
	return !more || strings.Contains(first, ":") || first == strings.TrimSuffix(plainPrefix, "/")
}

const missing = "there is no signature: the first segment of the path must be one, " +
	"or any text where the server runs with --insecure"

// byForm is what can be said of a signature by its form.
func byForm(path string, size int) Diagnosis {
	if unsigned(path) {
		return Diagnosis{Signed: path, Mistakes: []string{missing}}
	}
	all := splits(path)
	s := all[0]
	if len(all) > 1 && len(misformed(s.signature, size)) > 0 {
		for _, other := range all[1:] {
			if len(bare(other.signature)) == base64.RawURLEncoding.EncodedLen(size) {
				s = other
			}
		}
	}
	d := s.diagnosis()
	d.Mistakes = misformed(s.signature, size)
	return d
}

// split is a way to cut a path in two. rest begins with its slash.
type split struct{ signature, rest string }

func (s split) diagnosis() Diagnosis {
	d := Diagnosis{Signed: Repair(s.rest)}
	if d.Signed != s.rest {
		d.Damage = "a proxy or CDN on the way changed the path: " + damage(s.rest)
	}
	return d
}

// splits are the cut at the first slash, and those at later ones that have a
// signature in base64's standard alphabet, with slashes in it, before them.
func splits(path string) []split {
	path = path[1:]
	var all []split
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		s := split{path[:i], path[i:]}
		n := len(bare(s.signature))
		standard := n >= shortest && strings.Trim(unescape(s.signature), standardAlphabet) == ""
		if len(all) == 0 || standard {
			all = append(all, s)
		}
		if n > longest {
			break
		}
	}
	if len(all) == 0 {
		return []split{{path, ""}}
	}
	return all
}

const (
	standardAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
	// shortest and longest are how many characters 8 and 32 bytes have.
	shortest, longest = 11, 43
)

func unescape(signature string) string {
	if s, err := url.PathUnescape(signature); err == nil {
		return s
	}
	return signature
}

// bare is a signature in the alphabet of URLs and without padding.
func bare(signature string) string {
	return strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(unescape(signature)), "=")
}

func damage(path string) string {
	if strings.Contains(path, "/plain/") && repairSource(path[strings.Index(path, "/plain/"):]) != path[strings.Index(path, "/plain/"):] {
		return "it folded the slashes behind the source's scheme into one"
	}
	return "it escaped colons as %3A"
}

func query(target string) string {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		return target[i:]
	}
	return ""
}

// guess is a way of doing something; the first one of a kind is the right one
// and has no name.
type guess struct {
	mistake string
	text    string
}

// mistakes tries every way of writing a signature, of every path, by every
// use of the keys, those with one mistake before those with several.
func (k *Keyring) mistakes(signature, path, query, prefix string) []string {
	var best []string
	for _, p := range pathGuesses(path, query, prefix) {
		for _, m := range k.macGuesses() {
			sum := m.mac(p.text)
			how, ok := k.writtenAs(signature, sum)
			if !ok {
				continue
			}
			var all []string
			for _, mistake := range append([]string{m.mistake, p.mistake}, how...) {
				if mistake != "" {
					all = append(all, mistake)
				}
			}
			if best == nil || len(all) < len(best) {
				best = all
			}
		}
	}
	return best
}

// placeholders stand where the signature does in examples.
var placeholders = []string{"/unsafe", "/insecure", "/signature", "/_"}

func pathGuesses(path, query, prefix string) []guess {
	repaired := Repair(path)
	all := []guess{{"", repaired}, {"", path}}
	add := func(mistake, text string) {
		if text != path && text != repaired {
			all = append(all, guess{mistake, text})
		}
	}
	if decoded, err := url.PathUnescape(path); err == nil {
		add("the decoded path was signed: sign it as it is sent, percent signs and all", decoded)
	}
	add("an encoded path was signed and sent decoded: sign it as it is sent", (&url.URL{Path: path}).EscapedPath())
	collapsed := path
	for strings.Contains(collapsed, "//") {
		collapsed = strings.ReplaceAll(collapsed, "//", "/")
	}
	add("the path was signed with its double slashes made into one: sign it as it is sent", collapsed)
	add("the query was signed: it is no part of what is signed", path+query)
	if prefix != "" {
		add("the server's path prefix was signed: begin at the slash behind the signature", prefix+path)
	}
	add("the path was signed without its first slash", strings.TrimPrefix(path, "/"))
	for _, word := range placeholders {
		add("a placeholder for the signature was signed: begin at the slash behind it", word+path)
	}
	return all
}

// macGuess is a use of the keys.
type macGuess struct {
	mistake    string
	key        []byte
	head, tail []byte
}

func (m macGuess) mac(path string) []byte {
	h := hmac.New(sha256.New, m.key)
	h.Write(m.head)
	h.Write([]byte(path))
	h.Write(m.tail)
	return h.Sum(nil)
}

func (k *Keyring) macGuesses() []macGuess {
	var all []macGuess
	for _, p := range k.pairs {
		all = append(all, macGuess{key: p.Key, head: p.Salt})
	}
	for i, p := range k.pairs {
		hexKey, hexSalt := []byte(hex.EncodeToString(p.Key)), []byte(hex.EncodeToString(p.Salt))
		upKey, upSalt := []byte(strings.ToUpper(string(hexKey))), []byte(strings.ToUpper(string(hexSalt)))
		const asText = "key and salt were used as text: they are hexadecimal, decode them to bytes first"
		all = append(all,
			macGuess{asText, hexKey, hexSalt, nil}, macGuess{asText, upKey, upSalt, nil},
			macGuess{"the key was used as text: it is hexadecimal, decode it to bytes first", hexKey, p.Salt, nil},
			macGuess{"the salt was used as text: it is hexadecimal, decode it to bytes first", p.Key, hexSalt, nil},
			macGuess{"the salt was forgotten: the HMAC is of salt and path", p.Key, nil, nil},
			macGuess{"the salt was put behind the path: it comes before", p.Key, nil, p.Salt},
			macGuess{"key and salt were exchanged", p.Salt, p.Key, nil},
		)
		for j, other := range k.pairs {
			if i != j {
				all = append(all, macGuess{"a key was used with the salt of another: the n-th key goes with the n-th salt", p.Key, other.Salt, nil})
			}
		}
	}
	return all
}

const (
	inHex     = "it is in hexadecimal: write it in base64url"
	inPadding = "the padding was kept: the signature ends before the ="
)

// inStandard are the mistakes of a signature that is right in another way of
// writing base64.
func inStandard(signature string) (mistakes []string) {
	text := unescape(signature)
	switch {
	case strings.Contains(signature, "/"):
		mistakes = append(mistakes, "it is in base64's standard alphabet, and its / splits the path: + is - and / is _ in a URL")
	case strings.ContainsAny(text, "+/"):
		mistakes = append(mistakes, "it is in base64's standard alphabet: + is - and / is _ in a URL")
	}
	if strings.HasSuffix(text, "=") {
		mistakes = append(mistakes, inPadding)
	}
	return mistakes
}

// misformed says what is wrong with a signature whatever it signs.
func misformed(signature string, size int) []string {
	mistakes := inStandard(signature)
	text := bare(signature)
	b, err := base64.RawURLEncoding.DecodeString(text)
	_, notHex := hex.DecodeString(text)
	switch {
	case slices.Contains(placeholders, "/"+signature):
		mistakes = append(mistakes, "it is a placeholder: only a server with --insecure takes one")
	case notHex == nil && (len(text) == 2*sha256.Size || len(text) == 2*size):
		mistakes = append(mistakes, inHex)
	case err != nil:
		mistakes = append(mistakes, "it is not base64url")
	case len(b) != size:
		mistakes = append(mistakes, fmt.Sprintf("it has %d bytes: signatures of this server have %d (--signature-size)", len(b), size))
	}
	return mistakes
}

// writtenAs says how a signature was written, if it is of a sum.
func (k *Keyring) writtenAs(signature string, sum []byte) (mistakes []string, ok bool) {
	full, want := base64.RawURLEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum[:k.size])
	text, written := bare(signature), strings.ToLower(unescape(signature))
	if signature == want {
		return nil, true
	}
	mistakes = inStandard(signature)
	switch {
	case text == want:
	case written == hex.EncodeToString(sum), written == hex.EncodeToString(sum[:k.size]):
		mistakes = append(mistakes, inHex)
	case len(text) < 8:
		return nil, false
	case text == full:
		mistakes = append(mistakes, fmt.Sprintf("all 32 bytes of it were kept: this server's signatures have %d (--signature-size)", k.size))
	case strings.HasPrefix(full, text):
		mistakes = append(mistakes, fmt.Sprintf("it was cut to %d characters: cut the bytes to %d before encoding them", len(text), k.size))
	case cutBytes(text, sum):
		mistakes = append(mistakes, fmt.Sprintf("it was cut to another number of bytes: this server's signatures have %d (--signature-size)", k.size))
	default:
		return nil, false
	}
	return mistakes, true
}

// cutBytes says whether a text is the beginning of a sum, by whole bytes.
func cutBytes(text string, sum []byte) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(b) >= 6 && len(b) < len(sum) && string(b) == string(sum[:len(b)])
}
