// Package budget admits work by the bytes it will take. It knows nothing of
// pictures.
//
// What it guarantees: what is granted fits into the capacity beside what
// was granted before (a capacity that is lowered takes back nothing); who comes
// first is served first, but one that does not fit yet is overtaken by a
// bounded number of later ones that do; whoever stops waiting leaves at once
// and holds up nobody; nobody waits for what can never be granted, or stands
// in a line that moves too slowly to be of use.
package budget
