// Package leases lets one of several servers do work that all of them want done, and the others wait for what it
// hands over. The leases are in Redis or Valkey, and advisory: whatever happens to them, to Redis or to the server that
// holds one, costs work that is done twice, or a wait that is bounded, and nothing else.
//
// Each name has three keys in Redis, all of which expire:
//
//   - lease: a random token of the holder, set with NX and PX, renewed at a third of its time, and deleted by a
//     script that compares the token.
//   - head and body: what the last holder handed over, for some seconds.
//
// The end of a lease is published on a channel that all servers listen to. As messages may be lost, who waits
// asks from time to time, too.
package leases
