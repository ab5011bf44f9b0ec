package cache

import "slices"

// overhead is the memory of an entry besides its body and key: the Entry itself
// with its strings (about 300 bytes), ristretto's two maps and its expiry
// bucket (209 bytes, measured).
const overhead = 512

// Cost is the heap that an entry takes, in bytes. A body that was grown
// holds all of its capacity.
func (e *Entry) Cost() int64 {
	texts := len(e.Placeholder)
	for _, t := range e.Tags {
		texts += len(t) + 16
	}
	return allocatedBytes(max(cap(e.Body), int(e.Size()))) + allocatedBytes(len(e.Key)) + int64(texts) + overhead
}

const (
	largestClass = 32 << 10
	page         = 8 << 10
)

// sizeClasses are those of Go's allocator (internal/runtime/gc). They have no
// public name and change rarely; a test holds them against the running one.
var sizeClasses = [...]int{
	0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352,
	384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304,
	2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880,
	12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, largestClass,
}

// allocatedBytes is the memory that Go's allocator takes for n bytes without pointers: a size
// class, above the largest one whole pages.
func allocatedBytes(n int) int64 {
	if n > largestClass {
		return (int64(n) + page - 1) / page * page
	}
	i, _ := slices.BinarySearch(sizeClasses[:], n)
	return int64(sizeClasses[i])
}
