// Package imaginary is the URL dialect of imaginary (github.com/h2non/imaginary):
//
//	/OPERATION?url=SOURCE&width=300&height=200&type=webp&sign=SIGNATURE
//
// An operation, or a pipeline of them, becomes one request as those of the native dialect are, so that equal ones
// share a cache entry whatever they are written in. The same paths are of uploads, without a source.
//
// What it guarantees: nothing of a target is looked at before its signature or its API key holds, unless anything
// goes, and what is signed is what is read: the path and the parameters, decoded and in order. What cannot be made of
// an image in one go is an error that says so, and no other image. Unknown parameters are passed over, as by its peer.
package imaginary
