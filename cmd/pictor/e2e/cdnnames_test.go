package e2e

import (
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy"
)

// Help and error text name every value that --cdn takes, and only those.
func TestNamesOfCDNs(t *testing.T) {
	help, _, code := pictor(t, nil, "serve", "--help")
	if code != 0 {
		t.Fatal(code)
	}
	_, refused, code := pictor(t, nil,
		append([]string{"serve", "--listen", "127.0.0.1:0", "--cdn", "akamai"}, keys...)...)
	if code == 0 || !strings.Contains(refused, `--cdn is "akamai"`) {
		t.Errorf("--cdn akamai: %d, %s", code, refused)
	}
	const list = "cloudflare, fastly, cloudfront, nginx or varnish"
	for _, text := range []string{help, refused} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), list) {
			t.Errorf("no %q in %s", list, text)
		}
	}
	for _, name := range strings.FieldsFunc(strings.ReplaceAll(list, " or ", " "),
		func(r rune) bool { return r == ',' || r == ' ' }) {
		if _, ok := proxy.ParseCDN(strings.ToUpper(name)); !ok {
			t.Errorf("%s is named and not known", name)
		}
	}
}
