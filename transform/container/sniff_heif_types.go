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
	heifStream
	// premultiplied says that the primary image refers to its alpha so.
	premultiplied bool
	lengthSize    int // of a length of iloc, in bytes
	heifCounts
}

// heifStream is what the coded data of the primary image or of its tiles tells.
type heifStream struct {
	hevc   bool // it is HEVC and not AV1: the file is a HEIC
	coded  codePoints
	narrow bool // samples of grey do not use their full range
	colour bool // HEVC that is not of grey alone
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
	heifGrid
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
	heifConfig
	channels    int // by pixi
	channelBits int
	turns       int // quarter turns of irot, behind a clap
	code        codePoints
	alpha       bool
	profile     []byte // ICC
	heifCrop
	layered bool // a layer of it is to be shown, by lsel
}

// heifConfig is of av1C or hvcC.
type heifConfig struct {
	config       []byte // the OBUs, or the arrays of NAL units
	hasConfig    bool
	otherLengths bool  // of NAL units: not hevcLengthSize
	badConfig    error // matters only where the item is decoded
	bits         int
	mono         bool
}
