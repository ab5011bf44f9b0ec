package container

// avif is the image part of an AVIF: its meta box (ISO/IEC 23008-12 §6).
type heif struct {
	file    []byte
	idat    []byte
	primary uint32
	items   []*heifItem
	byID    map[uint32]*heifItem
	refs    []heifRef
	// properties are those of ipco; associations count from 1.
	properties   []heifProperty
	profileBytes uint64
	profiles     [][]byte
	coded        codePoints // of the AV1 data of the primary image or of a tile
	narrow       bool
	// premultiplied says that the primary image refers to its alpha so.
	premultiplied bool
	lengthSize    int // of a length of iloc, in bytes
	heifCounts
}

// heifCounts bound what a file makes a reader do.
type heifCounts struct {
	spans int
	given int    // associations of a property with an item
	read  uint64 // bytes of items
}

// The tables of an image are small; one that is not is made to do harm.
const (
	heifMaxItems      = 4096
	heifMaxSpans      = 2 * heifMaxItems
	heifMaxRefs       = 4 * heifMaxItems
	heifMaxProperties = 1<<15 - 1 // what an association can count to
	heifMaxGiven      = 16 * heifMaxItems
)

type heifRole uint8

const (
	roleNone heifRole = iota
	rolePrimary
	roleAlpha
	roleThumbnail
	roleTile
	roleThumbnailTile
)

// heifItem is an image, a part of one, or a piece of metadata, with those of
// its properties that matter.
type heifItem struct {
	kind   string
	isXMP  bool // without a coding
	kindAt int  // the place of kind in the file
	heifLocation
	heifProperties

	role   heifRole
	isTile bool
	tiles  uint64 // of a grid
}

// heifLocation is where the bytes of an item are, by iloc.
type heifLocation struct {
	spans []span
	// sizesAt are the places of the spans' lengths.
	sizesAt []int
	inMeta  bool // spans count in the idat box instead of the file
	placed  bool // its spans were read
}

// heifProperties are those of an item, by ipco and ipma.
type heifProperties struct {
	width, height uint64 // ispe; 0 where there is none
	config        []byte // OBUs of av1C
	hasConfig     bool
	badConfig     error // matters only where the item is decoded
	bits          int   // by av1C
	mono          bool
	channels      int // by pixi
	channelBits   int
	turns         int // quarter turns of irot
	code          codePoints
	alpha         bool
	cropped       bool
	layered       bool // a layer of it is to be shown, by lsel
}
