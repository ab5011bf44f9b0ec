// Package studio is the page where people try pictor out, and where operators look at a running server: options as
// controls, with a preview and code; what a URL means; live figures.
//
// It keeps nothing of its visitors. It signs only where it is given a keyring, never sends a key, and takes POST from
// its own pages alone. Its pages load nothing from elsewhere, and their Content-Security-Policy says so. Who may reach
// it is up to the caller.
package studio
