// Package budget admits work by the bytes it will take. It knows nothing of
// pictures.
//
// What it guarantees: the bytes granted never exceed the capacity; whoever
// waits is served in the order of coming; whoever stops waiting leaves at once
// and holds up nobody; nobody waits for what can never be granted.
package budget
