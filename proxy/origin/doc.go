// Package origin fetches source pictures, over http(s) or from a folder.
//
// What it guarantees: no connection is made to an address that is not public,
// unless its network was allowed by name, whatever DNS or a redirect says; no
// more bytes are read than are allowed and reserved; a body that ends before
// its declared length is an error; nothing waits longer for an origin than its
// time; no error text tells anything of the network that pictor runs in.
//
// An error that has more to say to the operator than to the client has a
// method Details() string for the log; it may name addresses and files.
package origin
