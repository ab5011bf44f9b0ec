package signedurl

import (
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
)

// DiagnoseChoice is Keyring.Diagnose of a target that may have a choice before its signature; DiagnoseForm where k is
// nil. size is how many bytes signatures have.
func (d *Dialect) DiagnoseChoice(k *Keyring, target, prefix string, size int) (Diagnosis, Choice) {
	c, rest := d.CutChoice(WithoutPrefix(target, prefix))
	if c != (Choice{}) {
		target = prefix + rest + queryOf(target)
	}
	if k == nil {
		return DiagnoseForm(target, prefix, size), c
	}
	diag := k.Diagnose(target, prefix)
	if diag.Valid {
		return diag, c
	}
	signature, signed, _ := strings.Cut(strings.TrimPrefix(PathOf(rest), "/"), "/")
	segment, behind, _ := strings.Cut(signed, "/")
	switch {
	case c != (Choice{}) && k.verifies(signature, c.String()+"/"+signed):
		diag.Mistakes = []string{"the choice in front of the signature was signed, too: sign from the slash after " +
			"the signature on"}
	case k.verifies(signature, "/"+behind):
		diag.Signed, diag.Want = "/"+behind, k.Sign("/"+behind)
		diag.Mistakes = []string{fmt.Sprintf("%s was put behind the signature, which is not of it: a choice of "+
			"signed lists (pick) stands before the signature", transform.Quote(segment))}
	}
	return diag, c
}

func (k *Keyring) verifies(signature, path string) bool {
	_, err := k.Verify("/" + signature + path)
	return err == nil
}

// PicksOf are the lists of a path, which is read without regard to a signature.
func (d *Dialect) PicksOf(path string) (Picks, error) {
	r, err := d.readPath(path)
	return r.Picks, err
}

// String is the lists as they stand in a path, "pick:320:640/pickf:avif:webp"; "" for none.
func (p Picks) String() string {
	var b strings.Builder
	Request{Picks: p}.writeOptions(&b)
	return strings.TrimSuffix(b.String(), "/")
}
