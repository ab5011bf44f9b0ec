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

// Diagnosis says what is right or wrong with the signature of a target.
type Diagnosis struct {
	// Valid says that it verifies.
	Valid bool
	// Signed is the part of the path that is signed, as it would have to be.
	Signed string
	// Want is the right signature.
	Want string
	// Mistakes explain a wrong signature, each in a sentence; none where no known
	// mistake does.
	Mistakes []string
	// KeyID is that of the key that it verifies by; "" where that has none.
	KeyID string
	// Damage says how a proxy changed the path, where Repair has undone that.
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
	if v, err := k.Verify(path); err == nil && !isUnsigned(path) {
		d := signatureSplits(path)[0].startDiagnosis()
		if v.path != d.Signed {
			d.Signed, d.Damage = v.path, "" // signed as it came
		}
		d.Valid, d.KeyID = true, v.keyID
		d.Want = k.Sign(d.Signed)
		return d
	}
	if d, ok := k.diagnoseNamed(path, target, prefix); ok {
		return d
	}
	var best Diagnosis
	for _, s := range signatureSplits(path) {
		mistakes := k.findMistakes(s.signature, s.rest, queryOf(target), prefix)
		if len(mistakes) > 0 && (best.Mistakes == nil || len(mistakes) < len(best.Mistakes)) {
			best = s.startDiagnosis()
			best.Mistakes = mistakes
		}
	}
	if best.Mistakes == nil {
		best = diagnoseForm(path, k.size)
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
	if _, bare, named := cutKeyID(path); named {
		path = bare
	}
	d := diagnoseForm(path, size)
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

// isUnsigned says that a path begins with options or a source instead of a signature.
func isUnsigned(path string) bool {
	first, _, more := strings.Cut(path[1:], "/")
	return !more || strings.Contains(first, ":") || first == strings.TrimSuffix(plainPrefix, "/")
}

const noSignature = "there is no signature: the first segment of the path must be one, " +
	"or any text where the server runs with --insecure"

// diagnoseForm says what is wrong with the form of a signature.
func diagnoseForm(path string, size int) Diagnosis {
	if isUnsigned(path) {
		return Diagnosis{Signed: path, Mistakes: []string{noSignature}}
	}
	all := signatureSplits(path)
	s := all[0]
	if len(all) > 1 && len(formMistakes(s.signature, size)) > 0 {
		for _, other := range all[1:] {
			if len(bareSignature(other.signature)) == base64.RawURLEncoding.EncodedLen(size) {
				s = other
			}
		}
	}
	d := s.startDiagnosis()
	d.Mistakes = formMistakes(s.signature, size)
	return d
}

// signatureSplit is a way to cut a path into a signature and the signed rest, which
// begins with its slash.
type signatureSplit struct{ signature, rest string }

func (s signatureSplit) startDiagnosis() Diagnosis {
	d := Diagnosis{Signed: Repair(s.rest)}
	if d.Signed != s.rest {
		d.Damage = "a proxy or CDN on the way changed the path: " + describeDamage(s.rest)
	}
	return d
}

// signatureSplits gives the cut at the first slash, and cuts at later ones where the
// signature may be in base64's standard alphabet, which has slashes.
func signatureSplits(path string) []signatureSplit {
	path = path[1:]
	var all []signatureSplit
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		s := signatureSplit{path[:i], path[i:]}
		n := len(bareSignature(s.signature))
		standard := n >= shortest && strings.Trim(unescapeSignature(s.signature), standardAlphabet) == ""
		if len(all) == 0 || standard {
			all = append(all, s)
		}
		if n > longest {
			break
		}
	}
	if len(all) == 0 {
		return []signatureSplit{{path, ""}}
	}
	return all
}

const (
	standardAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
	// shortest and longest are how many characters 8 and 32 bytes have.
	shortest, longest = 11, 43
)

func unescapeSignature(signature string) string {
	if s, err := url.PathUnescape(signature); err == nil {
		return s
	}
	return signature
}

// bareSignature gives a signature in the alphabet of base64url, without padding.
func bareSignature(signature string) string {
	return strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(unescapeSignature(signature)), "=")
}

func describeDamage(path string) string {
	if strings.Contains(path, "/plain/") &&
		repairSource(path[strings.Index(path, "/plain/"):]) != path[strings.Index(path, "/plain/"):] {
		return "it folded the slashes behind the source's scheme into one"
	}
	return "it escaped colons as %3A"
}

func queryOf(target string) string {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		return target[i:]
	}
	return ""
}

// guess is a text that a client may have signed, and the mistake that it made; a guess
// without a mistake is right.
type guess struct {
	mistake string
	text    string
}

// findMistakes tries all encodings of a signature, of all guesses of the path, by all
// uses of the keys, and gives the fewest mistakes that explain the signature.
func (k *Keyring) findMistakes(signature, path, query, prefix string) []string {
	var best []string
	for _, p := range pathGuesses(path, query, prefix) {
		for _, m := range k.macGuesses() {
			sum := m.mac(p.text)
			how, ok := k.encodingMistakes(signature, sum)
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
			if i != j && p.ID == "" && other.ID == "" { // of named keys there may be many
				all = append(all, macGuess{"a key was used with the salt of another: the n-th key goes with the " +
					"n-th salt", p.Key, other.Salt, nil})
			}
		}
	}
	return all
}

const (
	inHex     = "it is in hexadecimal: write it in base64url"
	inPadding = "the padding was kept: the signature ends before the ="
)

// alphabetMistakes gives the mistakes of a signature in another form of base64.
func alphabetMistakes(signature string) (mistakes []string) {
	text := unescapeSignature(signature)
	switch {
	case strings.Contains(signature, "/"):
		mistakes = append(mistakes,
			"it is in base64's standard alphabet, and its / splits the path: + is - and / is _ in a URL")
	case strings.ContainsAny(text, "+/"):
		mistakes = append(mistakes, "it is in base64's standard alphabet: + is - and / is _ in a URL")
	}
	if strings.HasSuffix(text, "=") {
		mistakes = append(mistakes, inPadding)
	}
	return mistakes
}

// formMistakes says what is wrong with a signature, whatever path it is of.
func formMistakes(signature string, size int) []string {
	mistakes := alphabetMistakes(signature)
	text := bareSignature(signature)
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
		mistakes = append(mistakes,
			fmt.Sprintf("it has %d bytes: signatures of this server have %d (--signature-size)", len(b), size))
	}
	return mistakes
}

// encodingMistakes says how a signature of sum was encoded. ok is false where the
// signature is not of sum.
func (k *Keyring) encodingMistakes(signature string, sum []byte) (mistakes []string, ok bool) {
	full, want := base64.RawURLEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum[:k.size])
	text, written := bareSignature(signature), strings.ToLower(unescapeSignature(signature))
	if signature == want {
		return nil, true
	}
	mistakes = alphabetMistakes(signature)
	switch {
	case text == want:
	case written == hex.EncodeToString(sum), written == hex.EncodeToString(sum[:k.size]):
		mistakes = append(mistakes, inHex)
	case len(text) < 8:
		return nil, false
	case text == full:
		mistakes = append(mistakes,
			fmt.Sprintf("all 32 bytes of it were kept: this server's signatures have %d (--signature-size)", k.size))
	case strings.HasPrefix(full, text):
		mistakes = append(mistakes,
			fmt.Sprintf("it was cut to %d characters: cut the bytes to %d before encoding them", len(text), k.size))
	case isTruncated(text, sum):
		mistakes = append(mistakes,
			fmt.Sprintf("it was cut to another number of bytes: this server's signatures have %d (--signature-size)",
				k.size))
	default:
		return nil, false
	}
	return mistakes, true
}

// isTruncated says that a signature has the first bytes of sum alone.
func isTruncated(text string, sum []byte) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(b) >= 6 && len(b) < len(sum) && string(b) == string(sum[:len(b)])
}
