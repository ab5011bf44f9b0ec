package main

import "container/list"

// lru is a model of what a diskstore keeps, without its files: it evicts the least recently used record first, counts
// in blocks, and takes no record larger than a quarter of it.
type lru[K comparable, V any] struct {
	maxBlocks, blocks int64
	maxRecords        int
	order             *list.List // of *record[K, V], the last used one first
	known             map[K]*list.Element
}

type record[K comparable, V any] struct {
	key    K
	blocks int64
	value  V
}

// block and recordOverhead are diskstore's, in bytes: a record has a preamble, a header of some 500 bytes with spare
// room, and a checksum.
const block, recordOverhead = 4 << 10, 1<<10 + 40

func newLRU[K comparable, V any](bytes int64, maxRecords int) *lru[K, V] {
	return &lru[K, V]{maxBlocks: bytes / block, maxRecords: maxRecords, order: list.New(), known: map[K]*list.Element{}}
}

// find gives the value of a key, and makes its record the one used last.
func (s *lru[K, V]) find(key K) (value V, ok bool) {
	e, ok := s.known[key]
	if !ok {
		return value, false
	}
	s.order.MoveToFront(e)
	return e.Value.(*record[K, V]).value, true
}

// put stores a value of so many bytes in place of what its key had, or refuses it.
func (s *lru[K, V]) put(key K, value V, bytes int64) bool {
	blocks := (bytes + recordOverhead + block - 1) / block
	if blocks > s.maxBlocks/4 {
		return false
	}
	s.drop(key)
	for s.blocks+blocks > s.maxBlocks || len(s.known) >= s.maxRecords {
		s.drop(s.order.Back().Value.(*record[K, V]).key)
	}
	s.blocks += blocks
	s.known[key] = s.order.PushFront(&record[K, V]{key, blocks, value})
	return true
}

func (s *lru[K, V]) drop(key K) {
	if e, ok := s.known[key]; ok {
		s.blocks -= s.order.Remove(e).(*record[K, V]).blocks
		delete(s.known, key)
	}
}
