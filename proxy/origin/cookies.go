package origin

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"

	"golang.org/x/net/publicsuffix"
)

// The most that the redirects of one fetch may set: RFC 6265 §6.1 asks for 50 cookies
// a domain, and few servers take a request header of more bytes.
const (
	maxCookies     = 50
	maxCookieBytes = 16 << 10
)

// cookies are those that the redirects of one fetch set. Some origins send a
// request away for a cookie, and back until it has it. No other fetch sees
// them: every fetch begins as a client without cookies does, so what it brings is as
// good for everybody as before.
type cookies struct {
	jar          *cookiejar.Jar
	count, bytes int
}

// keep stores the cookies that a redirect set. Cookies over the limits are ignored.
func (c *cookies) keep(from *url.URL, redirect *http.Response) {
	var taken []*http.Cookie
	for _, cookie := range redirect.Cookies() {
		if c.count == maxCookies || c.bytes+len(cookie.Raw) > maxCookieBytes {
			continue
		}
		c.count++
		c.bytes += len(cookie.Raw)
		taken = append(taken, cookie)
	}
	if len(taken) == 0 {
		return
	}
	if c.jar == nil {
		// Without the list a site could set cookies for all of co.uk.
		c.jar, _ = cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // the error is always nil
	}
	c.jar.SetCookies(from, taken)
}

// send adds the cookies that a request's host, path and scheme should see
// (RFC 6265 §5.4).
func (c *cookies) send(req *http.Request) {
	if c.jar == nil {
		return
	}
	for _, cookie := range c.jar.Cookies(req.URL) {
		req.AddCookie(cookie)
	}
}
