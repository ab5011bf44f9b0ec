// Package sources is the store of source images: each is fetched once for all
// fills that want it at the same moment, and kept on disk if it may be, so that
// ten sizes of an image cost one fetch.
//
// What it guarantees: a source that Acquire gives is as HTTP and the purges of
// its request want it; no byte of a source is in memory that was not reserved
// before; the memory of a source lasts until its last user has released it, and
// is given back before its reservation; an error is remembered for no longer
// than the configuration says; a host that never answers leaves fetches to others.
package sources
