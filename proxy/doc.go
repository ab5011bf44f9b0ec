// Package proxy is the HTTP side of pictor: it answers requests for images from
// the cache, and fills the cache on a miss.
//
// A request is read from top to bottom in these files:
//
//	routes.go     which handler has which path
//	request.go    verify, parse, check permissions, cache key, lookup
//	negotiate.go  the format, where the URL leaves it to the client
//	fill.go       on a miss: source, limits, entry with its freshness
//	transform.go  plan, admit, have a worker make the result
//	respond.go    conditions and ranges, headers, paced sending
//	errors.go     the one table from errors to responses
//
// The type Server is in server.go, which uses no step, and new.go puts it together.
// cacherequest.go is the value that the steps hand on.
//
// The parts that the steps use have packages of their own: signedurl and thumbor
// read paths, sources fetches and keeps source images, memory owns the memory
// limit, origin speaks to origins. Facts travel as values, and no step calls back
// up.
//
// What it guarantees: nothing is parsed before its signature is verified;
// nothing is fetched, decoded or kept beyond the bytes that were admitted for
// it; no error is cacheable, and no error tells anything of the inside.
package proxy
