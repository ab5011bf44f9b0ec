// Command image checks the Dockerfile without Docker. It is for Linux and for root, but for lint.
//
//	image lint    says what is wrong with the Dockerfile, in a second
//	image check   builds it in trees of Debian made by debootstrap, and tries what came out (make image-check)
//	image deb     builds the package of .ci/deb in such a tree, and tries it in another (make deb-check)
//	image pin     writes the digests that a registry has now into FROM (weekly, .github/workflows/base.yml)
//
// It reads the instructions of the Dockerfile itself, so that what is checked is what Docker builds. Where it
// and Docker could differ it refuses: see known in lint.go.
package main
