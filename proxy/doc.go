// Package proxy is the HTTP side of pictor: it answers requests for pictures
// out of the cache, and fills the cache on a miss.
//
// A request walks one way: verify → parse → key → lookup → coalesce → fetch →
// sniff → admit → transform → store → write. No step calls back up; facts
// travel as values; one table turns an error into a status (errors.go). fill.go
// reads like this list from fetch to store.
//
// What it guarantees: nothing is parsed before its signature is verified;
// nothing is fetched, decoded or kept beyond the bytes that were admitted for
// it; no error is cacheable, and no error tells anything of the inside.
package proxy
