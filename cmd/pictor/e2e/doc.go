// Package e2e tests the built pictor as its users run it: a process of its own,
// real sockets, workers and cgroups, other people's clients, caches and shells.
//
// Tests are sequential but for a few that mostly wait, and come after the
// others. make test runs the package after all others and never beside one, so
// that what is measured here has the machine to itself.
// The race detector is left out: the code under test is in other processes,
// and a slow test process would measure itself.
package e2e
