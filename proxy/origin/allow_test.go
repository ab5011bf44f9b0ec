package origin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
)

func rules(t testing.TB, list string) (rules []SourceRule) {
	t.Helper()
	for _, text := range strings.Fields(list) {
		rule, err := ParseSourceRule(text)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, rule)
	}
	return rules
}

// Which sources rules let pass, in all the ways in which one may be written.
func TestSourceRules(t *testing.T) {
	for _, tc := range []struct{ rule, yes, no string }{
		{"cdn.example.com",
			"https://cdn.example.com/a.jpg http://cdn.example.com/a.jpg https://CDN.example.com/a " +
				"https://cdn.example.com. https://cdn.example.com:443/a http://cdn.example.com:80/a " +
				"https://cdn.example.com/?x=1",
			"https://example.com/a https://xcdn.example.com/a https://cdn.example.com.evil.test/a " +
				"https://a.cdn.example.com/a https://cdn.example.com:8443/a http://cdn.example.com:443/a " +
				"https://evil.test/cdn.example.com https://evil.test/?cdn.example.com " +
				"https://evil.test#cdn.example.com https://cdn.example.com@evil.test/a local:///cdn.example.com"},
		{"*.example.com",
			"https://a.example.com/x https://a.b.example.com/x https://A.EXAMPLE.com./x",
			"https://example.com/x https://badexample.com/x https://a.example.com.evil.test/ https://a.example.com:8080/"},
		{"https://*/", "https://a.test/x https://1.2.3.4/x https://[2001:db8::1]/x",
			"http://a.test/x https://a.test:8443/x local:///x"},
		{"http://*:8080", "http://a.test:8080/x", "http://a.test/x https://a.test:8080/x"},
		{"https://cdn.example.com/images/",
			"https://cdn.example.com/images/ https://cdn.example.com/images/a.jpg " +
				"https://cdn.example.com/images/a/b.jpg https://cdn.example.com/x/../images/a.jpg " +
				"https://cdn.example.com/%69mages/a.jpg " +
				"https://cdn.example.com/images/a%2Fb.jpg https://cdn.example.com/images//a.jpg",
			"https://cdn.example.com/ https://cdn.example.com/images https://cdn.example.com/imagesx/a.jpg " +
				"https://cdn.example.com/images/../a.jpg https://cdn.example.com/images/%2e%2e/a.jpg " +
				"https://cdn.example.com/images/..%2Fa.jpg https://cdn.example.com/images/x%2F..%2F..%2Fa.jpg " +
				"https://cdn.example.com/images/..%5Ca.jpg https://cdn.example.com/images/.%2e%2fa.jpg " +
				"https://cdn.example.com/x?/images/ https://cdn.example.com/Images/a.jpg " +
				"https://cdn.example.com//images/a.jpg"},
		{"https://cdn.example.com/one.jpg", "https://cdn.example.com/one.jpg https://cdn.example.com/one.jpg?v=2",
			"https://cdn.example.com/one.jpgx https://cdn.example.com/one.jpg/two https://cdn.example.com/"},
		{"https://müller.example/", "https://xn--mller-kva.example/a https://MÜLLER.example/a", "https://muller.example/a"},
		{"192.0.2.1:9000", "http://192.0.2.1:9000/a https://192.0.2.1:9000/a", "http://192.0.2.1/a http://192.0.2.10:9000/a"},
		{"[2001:db8::1]", "https://[2001:DB8:0::1]/a", "https://[2001:db8::2]/a"},
		{"local:///photos/", "local:///photos/a.jpg local:///photos/b/c.jpg",
			"local:///photos local:///photosx/a.jpg local:///a.jpg https://photos/a.jpg"},
		{"s3://photos/cats/ gs://* abs://c/one.jpg",
			"s3://photos/cats/a.jpg s3://photos/cats/a/b.jpg?v1 S3://photos//cats/a.jpg gs://any/a abs://c/one.jpg",
			"s3://photos/cats s3://photos/catsx/a.jpg s3://photos/a.jpg s3://other/cats/a.jpg gs://c/../a " +
				"abs://photos/cats/a.jpg abs://c/two.jpg https://photos/cats/a.jpg local:///cats/a.jpg " +
				"s3://photos/cats/../a"},
		{"https://*", "https://photos/a.jpg", "s3://photos/a.jpg gs://photos/a.jpg"},
		{"local:///", "local:///a.jpg local:///b/c.jpg", "https://a.test/"},
		{"local:///a.test https://b.test", "local:///a.test https://b.test/x", "https://a.test/x local:///b.test"},
	} {
		f := newFetcher(t, Config{Allow: rules(t, tc.rule), Local: fstest.MapFS{}, Accounts: allStores})
		for source := range strings.FieldsSeq(tc.yes) {
			if err := f.Permits(source); err != nil {
				t.Errorf("%s: %s: %v", tc.rule, source, err)
			}
		}
		for source := range strings.FieldsSeq(tc.no) {
			if err := f.Permits(source); !errors.Is(err, ErrSourceNotAllowed) && !errors.Is(err, ErrBadSource) {
				t.Errorf("%s: %s: %v", tc.rule, source, err)
			}
		}
	}
}

func TestSourceRulesThatMakeNoSense(t *testing.T) {
	for _, text := range []string{"", "/", "https://", "ftp://a.test/", "s3:///x", "s3://a:b/", "gs://*.a/",
		"abs://a/../b", "local://a/", "a.test/../b",
		"a.test/x/%2e%2e/", "a.test/*/b", "*a.test", "a.*.test", "*.*.test", "a b", "a.test?x", "user@a.test", "a.test:0",
		"a.test:99999", "a..test", "*.", "1.2.3"} {
		if rule, err := ParseSourceRule(text); err == nil {
			t.Errorf("%q became %+v", text, rule)
		}
	}
}

// A redirect leads nowhere that a source may not be, and no rule makes the address guard milder.
func TestRulesHoldBehindRedirects(t *testing.T) {
	var reached atomic.Int64
	other := serve(t, func(w http.ResponseWriter, _ *http.Request) { reached.Add(1) })
	var to string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end/a.jpg" {
			io.WriteString(w, "picture")
			return
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	})
	host := strings.TrimPrefix(url, "http://")
	f := newFetcher(t, Config{AllowNetworks: loopback, Allow: rules(t, host+"/begin "+host+"/end/")})
	for target, want := range map[string]error{
		"/end/a.jpg": nil, url + "/end/../end/a.jpg": nil,
		other + "/end/a.jpg": ErrRedirects, "/other": ErrRedirects, "/end/..%2fother": ErrRedirects,
		"//" + strings.TrimPrefix(other, "http://") + "/end/": ErrRedirects,
	} {
		to = target
		body, _, err := fetch(t, f, url+"/begin")
		if !errors.Is(err, want) || want == nil && body != "picture" {
			t.Errorf("to %s: %q, %v", target, body, err)
		}
	}
	_, err := f.Fetch(context.Background(), other+"/end/a.jpg", io.Discard, nil)
	if !errors.Is(err, ErrSourceNotAllowed) {
		t.Error(err)
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached the other origin", n)
	}
	guarded := newFetcher(t, Config{Allow: rules(t, host)})
	if _, _, err := fetch(t, guarded, url+"/end/a.jpg"); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}
