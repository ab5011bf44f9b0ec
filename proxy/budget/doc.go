// Package budget admits work by the bytes it will take. It knows nothing of
// pictures.
//
// What it guarantees: a grant fits into the capacity beside the earlier ones (a
// capacity that is lowered takes none back); requests are served in their order,
// but one that does not fit yet is overtaken by a bounded number of later ones that
// do; a request that is given up leaves the queue at once and does not hold up the
// others; no request waits for bytes that can never be granted, nor in a queue that
// moves too slowly to be of use; background work is never in the way of a request that
// waits.
package budget
