// Package thumbor is the URL dialect of thumbor and of imagor:
//
//	/(unsafe|HASH)/[meta/][trim/][LxT:RxB/][fit-in/][WxH/][HALIGN/][VALIGN/][smart/][filters:f(args):f(args)/]IMAGE
//
// Its paths become the same requests as those of the native dialect, so that
// equal ones share a cache entry whatever they are written in.
//
// What it guarantees: nothing of a path is looked at before its hash holds,
// unless paths may be unsafe, and the spelling that the hash is of is the one
// that is read; a path that its peers take is taken, and as
// theirs a filter that is unknown or has wrong arguments is passed over in
// silence.
package thumbor
