// Package cloudflare is the URL dialect of Cloudflare's image transformations:
//
//	/cdn-cgi/image/OPTION=VALUE,OPTION=VALUE/SOURCE
//
// Its targets become the same requests as those of the native dialect, so that equal ones share
// a cache entry.
//
// What it guarantees: nothing signs these targets. Unless a Dialect is without bounds, they may ask for
// the listed sizes, qualities and formats, and beside these only for what has a few values each. An
// option that has no counterpart is an error that names it. Which sources may be named is the caller's
// to check.
package cloudflare
