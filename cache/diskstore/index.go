package diskstore

import "time"

// index is what is known of the records without their files: some 75 bytes
// each, with no pointers for the collector to follow. Its records are a ring in
// the order of their use, with an anchor in slot 0: next of it is the one used
// last, before it the one whose use is the longest ago.
type index struct {
	at    map[Name]int32
	slots []slot
	free  int32 // the first of the free slots, chained by next; 0 for none
}

type slot struct {
	name       Name
	blocks     uint32
	used       uint32 // Unix seconds of the last use that is in the file's time
	prev, next int32
	// made tells slots of the same name apart.
	generation uint32
	// verified: the body was held against its checksum by this process.
	verified bool
	// dropped: the file could not be removed.
	dropped bool
}

func newIndex() index { return index{at: map[Name]int32{}, slots: make([]slot, 1)} }

func (x *index) len() int { return len(x.at) }

// find gives a record's slot; nil for none. It is good until the next add.
func (x *index) find(name Name) *slot {
	if i, ok := x.at[name]; ok {
		return &x.slots[i]
	}
	return nil
}

// add puts a record that is not there behind another: behind the anchor it is
// the one used last, before it the one that goes first.
func (x *index) add(s slot, last bool) {
	i := x.free
	if i > 0 {
		x.free = x.slots[i].next
	} else {
		i = int32(len(x.slots))
		x.slots = append(x.slots, slot{})
	}
	x.slots[i] = s
	x.at[s.name] = i
	if last {
		x.linkAfter(i, x.slots[0].prev)
	} else {
		x.linkAfter(i, 0)
	}
}

// linkAfter puts slot i behind slot p.
func (x *index) linkAfter(i, p int32) {
	n := x.slots[p].next
	x.slots[i].prev, x.slots[i].next = p, n
	x.slots[p].next, x.slots[n].prev = i, i
}

func (x *index) unlink(i int32) {
	s := x.slots[i]
	x.slots[s.prev].next, x.slots[s.next].prev = s.next, s.prev
}

// remove takes a record out and gives what it was.
func (x *index) remove(name Name) (s slot, ok bool) {
	i, ok := x.at[name]
	if !ok {
		return slot{}, false
	}
	s = x.slots[i]
	x.unlink(i)
	delete(x.at, name)
	x.slots[i] = slot{next: x.free}
	x.free = i
	return s, true
}

// oldest is the record whose use is the longest ago.
func (x *index) oldest() (Name, bool) {
	i := x.slots[0].prev
	return x.slots[i].name, i != 0
}

// moveToFront puts a record where the one used last is.
func (x *index) moveToFront(name Name) {
	if i, ok := x.at[name]; ok {
		x.unlink(i)
		x.linkAfter(i, 0)
	}
}

// droppedNames are the records whose files could not be removed.
func (x *index) droppedNames() (names []Name) {
	for i := range x.slots {
		if x.slots[i].dropped {
			names = append(names, x.slots[i].name)
		}
	}
	return names
}

// dropAll marks all records as dropped.
func (x *index) dropAll() {
	for _, i := range x.at {
		x.slots[i].dropped = true
	}
}

// useEvery is how often a use is written into the file's time.
const useEvery = time.Minute

// markUsed makes a record the one used last. It reports whether the file's time is
// to say so.
func (x *index) markUsed(name Name, now time.Time) (tell bool) {
	s := x.find(name)
	if s == nil {
		return false
	}
	x.moveToFront(name)
	if t := uint32(now.Unix()); t-s.used >= uint32(useEvery/time.Second) {
		s.used = t
		return true
	}
	return false
}
