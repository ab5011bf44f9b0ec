// Package upload reads images that clients send in the bodies of HTTP requests: raw, or as the one file of a form
// (multipart/form-data, RFC 7578).
//
// What it guarantees:
//   - No byte of a body is read before the caller has admitted it, and no byte of an image is kept in the heap.
//   - What a form has beside its file is bounded, and forgotten as it is read.
//   - A client that sends too slowly, or for too long, is given up.
package upload
