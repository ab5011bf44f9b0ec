package origin

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// SourceRule is a set of sources that may be fetched.
type SourceRule struct {
	// scheme is "" for http and https.
	scheme string
	// host is a bucket, or a name or an address; with below set it is a domain whose names all count, and not itself.
	// It is "" for any host.
	host  string
	below bool
	// port is "" for that of the scheme.
	port string
	// folder is what a path begins with; it ends with a slash. file is a whole path; one of both is set.
	folder, file string
}

var errNotListed = fmt.Errorf("%w: --allow-sources does not list this source", ErrSourceNotAllowed)

// ParseSourceRule reads a rule: [SCHEME://]HOST[:PORT][/PATH], local:///PATH, or STORE://BUCKET[/PATH] with s3,
// gs or abs. HOST is a name, *.NAME for all names below a name, or *; BUCKET is a name or *. A path that ends
// with a slash is a folder with all that is in it, another path is one source. Without a path all are allowed,
// without a scheme http and https.
func ParseSourceRule(text string) (rule SourceRule, err error) {
	scheme, rest, hasScheme := strings.Cut(text, "://")
	if !hasScheme {
		scheme, rest = "", text
	}
	host, path, _ := strings.Cut(rest, "/")
	scheme = strings.ToLower(scheme)
	inBucket := slices.Contains(stores, scheme)
	switch {
	case strings.ContainsAny(text, "?#@\\ "):
		return rule, fmt.Errorf("source rule %q: it must not contain any of ? # @ \\ and blanks", text)
	case scheme != "" && scheme != "http" && scheme != "https" && scheme != "local" && !inBucket:
		return rule, fmt.Errorf("source rule %q: its scheme must be http, https, s3, gs, abs or local", text)
	case scheme == "local" && host != "" || scheme != "local" && host == "":
		return rule, fmt.Errorf("source rule %q: write it like https://cdn.example.com/images/, *.example.com or "+
			"local:///images/", text)
	}
	rule.scheme = scheme
	if inBucket {
		if rule.host = host; host != AnyBucket && !isBucket(host) {
			return rule, fmt.Errorf("source rule %q: it must name a bucket, or * for all", text)
		}
	} else if scheme != "local" {
		if err := rule.readHost(host); err != nil {
			return rule, fmt.Errorf("source rule %q: %w", text, err)
		}
	}
	given := "/" + path
	spelled := plainEscapes(percentEncode(given, inPath))
	if scheme == "local" || inBucket {
		spelled = given // it is no URL
	}
	if withoutDots(spelled) != spelled || strings.Contains(spelled, "*") {
		return rule, fmt.Errorf("source rule %q: its path must not have . and .. segments nor stars", text)
	}
	if strings.HasSuffix(spelled, "/") {
		rule.folder = spelled
	} else {
		rule.file = spelled
	}
	return rule, nil
}

// readHost reads the host and port of a rule.
func (r *SourceRule) readHost(text string) error {
	const any = "*"
	name := text
	if rest, ok := strings.CutPrefix(text, "*."); ok {
		r.below, name = true, rest
	} else if rest, ok := strings.CutPrefix(text, any); ok && (rest == "" || rest[0] == ':') {
		name = "any" + rest
	}
	u, err := parseURL("http://"+name+"/", url.Parse)
	if err != nil {
		return err
	}
	host := u.Hostname()
	switch {
	case !strings.Contains(host, ":") && !isName(host):
		return fmt.Errorf("%w: it is not a valid domain name", ErrBadSource)
	case strings.HasPrefix(text, any) && !r.below:
		host = ""
	}
	r.host, r.port = strings.TrimSuffix(host, "."), u.Port()
	return nil
}

// matches says whether a source, as parseSource has read it, is one of the rule's.
func (r SourceRule) matches(at location) bool {
	u, o := at.url, at.object
	if o != (Object{}) {
		return r.scheme == o.Store && (r.host == AnyBucket || r.host == o.Bucket) && r.matchesPath("/"+o.Key)
	}
	if u == nil {
		return r.scheme == "local" && r.matchesPath("/"+at.file)
	}
	if r.scheme == "local" || r.scheme != "" && r.scheme != u.Scheme {
		return false
	}
	return r.matchesHost(strings.TrimSuffix(u.Hostname(), ".")) && r.matchesPort(u) &&
		r.matchesPath(plainEscapes(u.EscapedPath()))
}

func (r SourceRule) matchesHost(host string) bool {
	switch {
	case r.host == "":
		return true
	case r.below:
		return strings.HasSuffix(host, "."+r.host)
	}
	return host == r.host
}

// matchesPort compares ports. A rule without one allows those of the schemes alone.
func (r SourceRule) matchesPort(u *url.URL) bool {
	standard := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	want, has := r.port, u.Port()
	if want == "" {
		want = standard
	}
	if has == "" {
		has = standard
	}
	return want == has
}

// matchesPath compares paths. In a folder no path counts whose encoded slashes make segments of dots: an
// origin may decode these and leave the folder.
func (r SourceRule) matchesPath(path string) bool {
	if path == "" {
		path = "/"
	}
	if r.file != "" {
		return path == r.file
	}
	if r.folder == "/" {
		return true
	}
	decoded := strings.NewReplacer("%2F", "/", "%5C", "/", "\\", "/").Replace(path)
	return strings.HasPrefix(path, r.folder) && withoutDots(decoded) == decoded
}
