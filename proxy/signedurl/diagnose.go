package signedurl

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
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
// needs the keys, so it is for whoever has them: a server that told strangers
// would help them along. prefix is the server's path prefix.
func (k *Keyring) Diagnose(target, prefix string) Diagnosis {
	path := WithoutPrefix(target, prefix)
	if prefix != "" && path == "" {
		return Diagnosis{Mistakes: []string{fmt.Sprintf("the path does not begin with the server's prefix %s", prefix)}}
	}
	path = PathOf(path)
	signature, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	rest = "/" + rest
	if !ok || strings.Contains(signature, ":") || signature == "plain" {
		signed := "/" + strings.TrimPrefix(path, "/")
		return Diagnosis{Signed: signed, Want: k.Sign(signed), Mistakes: []string{"there is no signature: the first segment of the path must be one, or any text where the server runs with --insecure"}}
	}
	d := Diagnosis{Signed: Repair(rest)}
	d.Want = k.Sign(d.Signed)
	if d.Signed != rest {
		d.Damage = "a proxy or CDN on the way changed the path: " + damage(rest)
	}
	if _, err := k.Verify(path); err == nil {
		d.Valid = true
		return d
	}
	d.Mistakes = k.mistakes(signature, rest, query(target), prefix)
	return d
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
			for _, mistake := range []string{m.mistake, p.mistake, how} {
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
	for _, word := range []string{"/unsafe", "/insecure", "/signature", "/_"} {
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

// writtenAs says how a signature was written, if it is of a sum.
func (k *Keyring) writtenAs(signature string, sum []byte) (mistake string, ok bool) {
	full, want := base64.RawURLEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum[:k.size])
	unescaped, err := url.PathUnescape(signature)
	if err != nil {
		unescaped = signature
	}
	standard := strings.NewReplacer("+", "-", "/", "_").Replace(unescaped)
	bare := strings.TrimRight(standard, "=")
	switch {
	case signature == want:
		return "", true
	case bare == want && strings.HasSuffix(unescaped, "="):
		return "the padding was kept: the signature ends before the =", true
	case bare == want:
		return "it is in base64's standard alphabet: + is - and / is _ in a URL", true
	case unescaped == hex.EncodeToString(sum), unescaped == hex.EncodeToString(sum[:k.size]):
		return "it is in hexadecimal: write it in base64url", true
	case len(bare) >= 8 && bare == full:
		return fmt.Sprintf("all 32 bytes of it were kept: this server's signatures have %d (--signature-size)", k.size), true
	case len(bare) >= 8 && strings.HasPrefix(full, bare):
		return fmt.Sprintf("it was cut to %d characters: cut the bytes to %d before encoding them", len(bare), k.size), true
	case len(bare) >= 8 && cutBytes(bare, sum):
		return fmt.Sprintf("it was cut to another number of bytes: this server's signatures have %d (--signature-size)", k.size), true
	}
	return "", false
}

// cutBytes says whether a text is the beginning of a sum, by whole bytes.
func cutBytes(text string, sum []byte) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(b) >= 6 && len(b) < len(sum) && string(b) == string(sum[:len(b)])
}
