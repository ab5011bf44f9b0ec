// Package memstat reads what memory processes and their cgroup really take, as
// the kernel counts it (Linux: proc(5), cgroups(7)). It knows nothing of
// pictures. All figures are in bytes.
//
// What it guarantees: a figure that the kernel did not give is an error, never
// a zero, as nothing must look small for want of a look.
package memstat
