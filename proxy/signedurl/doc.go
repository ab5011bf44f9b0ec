// Package signedurl is pictor's native URL dialect, which is imgproxy's
// grammar and signature exactly, so that its client libraries work unchanged:
//
//	/SIGNATURE/option:arg:arg/…/plain/URL[@ext]
//	/SIGNATURE/option:arg:arg/…/BASE64URL[.ext]
//
// Beside it a source may be named by a hash alone, h/HASH[.ext].
//
// A backend imports it to mint URLs, the server to read them: both share one
// code path. It needs the standard library and package transform only, no cgo.
//
// What it guarantees: Keyring.Verify looks at authentic bytes or at none, and
// Dialect.Parse reads the very text that a signature was found to be of;
// ParseUnsigned and Path are inverse to each other; equal requests in different
// spellings parse to equal Requests.
package signedurl
